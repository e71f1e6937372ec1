# The executor: what people read, and the checkpoints that it makes where an operation ends.
#   vault policy write fedesk-executor vault-executor.hcl

path "kv/metadata/finedge/prod" {
  capabilities = ["list"]
}

path "kv/metadata/finedge/prod/*" {
  capabilities = ["list", "read"]
}

# Without update and delete: a checkpoint that is there stays as it is.
path "kv/data/fedesk/checkpoints/*" {
  capabilities = ["create", "read"]
}

path "kv/metadata/fedesk/checkpoints/*" {
  capabilities = ["list"]
}

# The key is made once: vault write transit/keys/fedesk type=ed25519
path "transit/sign/fedesk" {
  capabilities = ["update"]
}

path "transit/verify/fedesk" {
  capabilities = ["update"]
}
