# Of the token that a core unseals its region with (docs/guide/unsealing.md). bao policy write okcm-seal seal-policy.hcl
path "transit/encrypt/okcm-eu-west-1" {
  capabilities = ["update"]
}
path "transit/decrypt/okcm-eu-west-1" {
  capabilities = ["update"]
}
