// Runs a Declarative Jenkinsfile, or a Job DSL script, on Jenkins' own version of Groovy, without a Jenkins.
//
// Every block is entered in its order and noted; `sh` runs in a real shell, with parameters, environment and
// credentials as a build would have them. What came of it is printed as JSON.
// Arguments: file, then NAME=VALUE for each parameter.

import groovy.json.JsonOutput
import org.codehaus.groovy.control.CompilerConfiguration

class Entered {
    List calls = []
    List path = []
    Map params = [:]
    Map env = [:]
    Map currentBuild = [getBuildCauses: { kind -> [[userId: 'mara']] }]
    boolean isWanted = true

    def block(String name, List given, Closure body) {
        path << ([name] + given).join(' ')
        body.delegate = this
        body.resolveStrategy = Closure.DELEGATE_FIRST
        body.call()
        path.remove(path.size() - 1)
    }

    /** A stage is passed over where its `when` says so. */
    def stage(String name, Closure body) {
        isWanted = true
        calls << [path: path.join(' > '), name: 'stage', given: [name]]
        block('stage', [name], body)
    }

    def when(Closure body) {
        body.delegate = this
        body.resolveStrategy = Closure.DELEGATE_FIRST
        isWanted = body.call()
    }

    def expression(Closure body) {
        body.delegate = this
        body.resolveStrategy = Closure.DELEGATE_FIRST
        return body.call() as boolean
    }

    def steps(Closure body) {
        calls << [path: path.join(' > '), name: isWanted ? 'steps' : 'passed over', given: []]
        if (isWanted) { block('steps', [], body) }
    }

    def withEnv(List wanted, Closure body) {
        wanted.each { one -> def (name, value) = (one as String).split('=', 2) as List; env[name] = value }
        block('withEnv', wanted*.toString(), body)
        wanted.each { env.remove((it as String).split('=', 2)[0]) }
    }

    def error(String said) { throw new IllegalStateException(said) }

    def withCredentials(List wanted, Closure body) {
        wanted.each { env[it.variable] = "planted-${it.credentialsId}" as String }
        block('withCredentials', wanted*.credentialsId, body)
        wanted.each { env.remove(it.variable) }
    }

    def sh(Map how) {
        def all = System.getenv() + env + params
        def process = ['/bin/sh', '-xec', how.script].execute(all.collect { key, value -> "$key=$value" as String }, null)
        def out = new StringBuilder(), err = new StringBuilder()
        process.waitForProcessOutput(out, err)
        calls << [path: path.join(' > '), name: 'sh', given: [how.script], out: out as String, err: err as String]
        if (process.exitValue()) { error("script returned exit code ${process.exitValue()}") }
    }

    def methodMissing(String name, Object args) {
        def given = args as List
        def body = given && given[-1] instanceof Closure ? given[-1] : null
        def plain = body == null ? given : given[0..<-1]
        calls << [path: path.join(' > '), name: name, given: plain]
        if (body != null) { block(name, plain, body); return null }
        return plain && plain[0] instanceof Map ? plain[0] : null
    }

    /** A word, as in `agent none`. */
    def propertyMissing(String name) { name }

    /** A line of `environment`. */
    def propertyMissing(String name, Object value) { env[name] = value as String }
}

def entered = new Entered()
args.tail().each { one -> def (name, value) = one.split('=', 2) as List; entered.params[name] = value }
def compiled = new CompilerConfiguration(scriptBaseClass: DelegatingScript.name)
def script = new GroovyShell(this.class.classLoader, new Binding(), compiled).parse(new File(args[0]).text, 'Asked')
script.setDelegate(entered)
def said = ''
try {
    script.run()
} catch (IllegalStateException stopped) {
    said = stopped.message
}
println JsonOutput.toJson([calls: entered.calls, said: said, description: entered.currentBuild.description])
