import { type Command, Option } from 'commander'
import { address, list, positiveInteger } from './arguments.ts'

/** Declares all flags of `onlyonce proxy`; the help shows the important defaults. */
export function proxyOptions(command: Command): Command {
  const choice = (flags: string, words: readonly string[], text: string) => new Option(flags, text).choices(words)
  return command
    .description('put the guard in front of any HTTP service')
    .addOption(new Option('--upstream <url>', 'the service, such as http://127.0.0.1:8080').makeOptionMandatory())
    .addOption(
      new Option('--listen <[host:]port>', 'where clients ask (host: 127.0.0.1)')
        .argParser(address)
        .makeOptionMandatory(),
    )
    .option('--scope-header <name>', 'the header that tells whose key it is, such as authorization')
    .option('--scope-public', 'all callers share one space of keys')
    .option('--name <name>', 'what the records are of; for several services on one store', 'proxy')
    .option('--routes <file>', 'JSON list of { path, method, required, … }')
    .option('--methods <list>', 'guarded methods (POST,PATCH)', list)
    .option('--required', 'refuse requests without a key')
    .addOption(choice('--fingerprint <how>', ['canonical', 'raw', 'none'], 'how bodies are compared (canonical)'))
    .addOption(choice('--on-abandoned <policy>', ['retry', 'hold'], 'when it is not known what happened (retry)'))
    .addOption(choice('--on-in-flight <policy>', ['reject', 'wait'], 'while the first is under way (reject)'))
    .addOption(choice('--on-store-down <policy>', ['fail', 'run'], 'without the store (fail)'))
    .option('--lease-ms <ms>', 'how long a claim lasts without a heartbeat (30000)', positiveInteger)
    .option('--retention-ms <ms>', 'how long answers are kept (a day)', positiveInteger)
    .option('--max-request-bytes <n>', 'the longest body that is compared (1048576)', positiveInteger)
    .option('--max-body-bytes <n>', 'the longest answer that is kept (262144)', positiveInteger)
    .option('--connect-timeout-ms <ms>', 'without a connection: 502 (2000)', positiveInteger)
    .option('--upstream-timeout-ms <ms>', 'without an answer: 504, and nobody knows (60000)', positiveInteger)
    .option('--idle-timeout-ms <ms>', 'how long idle upstream connections are kept (4000)', positiveInteger)
    .option(
      '--request-timeout-ms <ms>',
      'how long a client may take to send, or read nothing (300000)',
      positiveInteger,
    )
    .option('--max-header-bytes <n>', 'longer heads: 431 (16384)', positiveInteger)
    .option('--max-in-flight <n>', 'more at a time: 503 (1000)', positiveInteger)
    .option('--trust-forwarded', 'believe X-Forwarded-* of clients')
    .option('--rewrite-host', 'ask the upstream for its own host name')
    .option('--admin-listen <[host:]port>', 'where /healthz, /metrics and /policy are', address)
    .option('--drain-ms <ms>', 'how long a shutdown waits for what runs', positiveInteger, 30_000)
}
