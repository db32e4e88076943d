# A region's own OpenBao, of three servers with Raft storage: its seal, and where configured the home of its tenants' keys. The same
# file on each server, but for node_id and the addresses of its own.
cluster_name  = "openkcm-eu-west-1"
api_addr      = "https://openbao-0.openbao.openbao.svc:8200"
cluster_addr  = "https://openbao-0.openbao.openbao.svc:8201"
# Keys lie in this memory: it is locked, hence LimitMEMLOCK=infinity or CAP_IPC_LOCK for OpenBao itself.
disable_mlock = false
ui            = false

listener "tcp" {
  address         = "0.0.0.0:8200"
  cluster_address = "0.0.0.0:8201"
  tls_cert_file   = "/etc/openbao/tls/tls.crt"
  tls_key_file    = "/etc/openbao/tls/tls.key"
  tls_min_version = "tls13"
}

storage "raft" {
  path    = "/var/lib/openbao"
  node_id = "openbao-0"

  retry_join {
    leader_api_addr     = "https://openbao-0.openbao.openbao.svc:8200"
    leader_ca_cert_file = "/etc/openbao/tls/ca.crt"
  }
  retry_join {
    leader_api_addr     = "https://openbao-1.openbao.openbao.svc:8200"
    leader_ca_cert_file = "/etc/openbao/tls/ca.crt"
  }
  retry_join {
    leader_api_addr     = "https://openbao-2.openbao.openbao.svc:8200"
    leader_ca_cert_file = "/etc/openbao/tls/ca.crt"
  }
}
