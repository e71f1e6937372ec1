// Job DSL: what the executor may do in a folder of jobs that fedesk re-runs. One such block a folder, within the
// definition that your folder has: what is generated replaces what was there.

folder('finedge/prod') {
    properties {
        authorizationMatrix {
            inheritanceStrategy { inheriting() }
            entries {
                user {
                    name('fedesk-executor')
                    // ExtendedRead shows config.xml, of which a plan pins the SHA-256. Jenkins has it with the plugin
                    // Extended Read Permission; without it plans pin the parameters alone. Nothing else: fedesk
                    // cancels, configures and replays nothing.
                    permissions(['Job/Read', 'Job/Build', 'Job/ExtendedRead'])
                }
            }
        }
    }
}
