# People: how old secrets are, never what they are. Nothing under kv/data but fedesk's own checkpoints.
#   vault policy write fedesk-reader vault-reader.hcl

path "kv/metadata/finedge/prod" {
  capabilities = ["list"]
}

path "kv/metadata/finedge/prod/*" {
  capabilities = ["list", "read"]
}

# Checkpoints of the audit log, where `audit.anchors` has a Vault: to verify, not to write.
path "kv/data/fedesk/checkpoints/*" {
  capabilities = ["read"]
}

path "kv/metadata/fedesk/checkpoints/*" {
  capabilities = ["list"]
}

path "transit/verify/fedesk" {
  capabilities = ["update"]
}
