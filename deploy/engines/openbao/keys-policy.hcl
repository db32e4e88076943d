# Of the token that a core keeps tenants' keys with, in the layout `shared` (docs/guide/openbao.md). It never lists, deletes or destroys.
path "okcm/config" {
  capabilities = ["read"]
}
path "okcm/data/prod/eu-west-1/*" {
  capabilities = ["create", "read", "update"]
}
path "okcm/metadata/prod/eu-west-1/*" {
  capabilities = ["create", "update"]
}
