// Job DSL: the folder of the executor, its credentials, its one job, and who may do what there.
//
// Run by Configuration as Code (jenkins.yaml). What is here replaces what the folder had, credentials included:
// they come from files that only Jenkins can read (a mounted secret), one value a file, named as below.

def kit = '/var/jenkins_home/fedesk'
def secrets = '/run/secrets/fedesk-executor'
// Who asks for plans to be carried out: a group of your security realm.
def people = 'fedesk-people'

folder('fedesk') {
    displayName('fedesk')
    description('Carries out plans of fedesk. People may build the job in it, and nothing else.')
    properties {
        authorizationMatrix {
            // What the controller gives elsewhere does not reach in here; only administrators stay.
            inheritanceStrategy { nonInheriting() }
            entries {
                group {
                    name(people)
                    permissions(['Job/Read'])
                }
            }
        }
        folderCredentialsProperty {
            domainCredentials {
                domainCredentials {
                    domain {
                        name('')
                        description('')
                    }
                    credentials {
                        ['fedesk-store', 'fedesk-jenkins', 'fedesk-airflow', 'fedesk-vault'].each { credential ->
                            string {
                                scope('GLOBAL')
                                id(credential)
                                description('For fedesk/execute alone')
                                secret(new File("${secrets}/${credential}").text.trim())
                            }
                        }
                    }
                }
            }
        }
    }
}

pipelineJob('fedesk/execute') {
    displayName('execute')
    description('fedesk execute PLAN, or fedesk plans draft RUN')
    properties {
        authorizationMatrix {
            inheritanceStrategy { nonInheriting() }
            entries {
                group {
                    name(people)
                    // Not Configure, nor Replay, which lets one run a script of one's own with these credentials;
                    // not Cancel, so that nobody ends another's plan half way; not Workspace.
                    permissions(['Job/Read', 'Job/Build'])
                }
            }
        }
    }
    // Before the first build, which is asked for with them.
    parameters {
        stringParam('PLAN', '', 'Id of a confirmed operation')
        stringParam('DRAFT', '', 'Instead: a run of which a plan is drafted; nothing is changed')
        stringParam('FEDESK_OPERATION', '', 'By this id a desk finds the build that it asked for')
    }
    definition {
        cps {
            // Written into the job and read from no repository: who may push there would execute.
            script(new File("${kit}/Jenkinsfile").text)
            sandbox(true)
        }
    }
}
