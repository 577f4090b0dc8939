import { Argument, Command, Option } from 'commander'
import { address, cursor, positions, positiveInteger } from './arguments.ts'
import { usage } from './exit.ts'
import { colorsOf, type Io, wantsColor } from './io.ts'
import { proxyOptions } from './proxy-options.ts'
import { STATES } from './states.ts'
import { printableLines } from './text.ts'
import { packageVersion } from './version.ts'

const EXAMPLES = `
Examples:
  $ export ONLYONCE_STORE=sqlite:orders.db
  $ onlyonce doctor
  $ onlyonce keys ls --state abandoned
  $ onlyonce keys get order:1100 --scope payments --show-result
  $ onlyonce keys resolve order:1100 --scope payments --happened --value '{"paid":true}'
  $ onlyonce dashboard --write
  $ onlyonce keys ls --json | jq -r .key
  $ onlyonce migrate --dry-run --store sqlite:orders.db
  $ onlyonce migrate print --store 'postgres://localhost/shop?schema=onlyonce'
  $ onlyonce classify 'UPDATE orders SET price = price + 1 WHERE id = 100'

Exit codes: 0 ok, 1 a check failed or it cannot be done, 2 usage, 3 the store cannot be reached.`

/** Declares all commands; the code of a command is loaded when it runs. `settle` receives its exit code. */
export function createProgram(io: Io, settle: (exitCode: number) => void): Command {
  const program = new Command('onlyonce')
    .description('Look after the operations of an onlyonce store.')
    .version(packageVersion())
    .option('--store <url>', 'the store, such as sqlite:orders.db (default: $ONLYONCE_STORE)')
    .option('--json', 'machine-readable output; lists are JSON Lines')
    .addHelpText('after', EXAMPLES)
    .configureHelp({ showGlobalOptions: true })
    .configureOutput(outputTo(io))
    .showHelpAfterError('(add --help for more)')
    .exitOverride()

  /** Returns an action that loads a command and calls it with all options, including the positional KEY. */
  function runs<Options>(load: () => Promise<(io: Io, options: Options) => Promise<number>>) {
    return async (...args: unknown[]): Promise<void> => {
      const command = args.at(-1) as Command
      const [key] = command.processedArgs
      const options = { ...command.optsWithGlobals(), ...(key === undefined ? {} : { key }) }
      settle(await (await load())(io, options as Options))
    }
  }

  program
    .command('demo')
    .description('run the order system that breaks itself on purpose (onlyonce demo --help)')
    .helpOption(false)
    .allowUnknownOption()
    .argument('[arguments...]')
    .action(() => {
      // `run` handles a command line that begins with `demo`. Others fail: exit code 0 would look like a passed audit.
      throw usage('the demo takes no global options, and its own come behind its name: onlyonce demo --help')
    })

  const keys = program.command('keys').description('list, read and repair operations')
  keys
    .command('ls')
    .description('list operations')
    .addOption(new Option('--state <state>', 'only those in this state').choices(STATES))
    .option('--scope <scope>', 'only those of this scope')
    .option('--scope-prefix <text>', 'only those whose scope begins with it; looks at all records')
    .option('--key <key>', 'only those of this key; looks at all records')
    .option('--limit <n>', 'at most this many', positiveInteger, 50)
    .option('--after <cursor>', 'go on where the list before ended', cursor)
    .action(runs(async () => (await import('./commands/keys-ls.ts')).keysLs))
  ofOneOperation(keys.command('get'))
    .description('show one operation')
    .option('--show-result', 'show the stored value or error, which may be private')
    .action(runs(async () => (await import('./commands/keys-get.ts')).keysGet))
  confirming(ofOneOperation(keys.command('release')))
    .description('give a stuck claim back; its effect may run again')
    .action(runs(async () => (await import('./commands/keys-release.ts')).keysRelease))
  confirming(ofOneOperation(keys.command('forget')))
    .description('remove the record; its effect may run again')
    .action(runs(async () => (await import('./commands/keys-forget.ts')).keysForget))
  confirming(ofOneOperation(keys.command('resolve')))
    .description('decide what became of an abandoned or unknown operation')
    .option('--happened', 'the effect happened: the operation is done, and does not run again')
    .option('--value <json>', 'with --happened: what duplicates are answered (default: undefined)')
    .option('--retention-ms <ms>', 'with --happened: how long the answer is kept', positiveInteger)
    .option('--did-not-happen', 'the effect did not happen: it may run again')
    .action(runs(async () => (await import('./commands/keys-resolve.ts')).keysResolve))

  const outbox = program.command('outbox').description('look at parked messages, let them be published after all')
  outbox
    .command('ls')
    .description('list parked messages, and say how many wait')
    .option('--limit <n>', 'at most this many', positiveInteger, 50)
    .option('--after <position>', 'go on where the list before ended', positiveInteger)
    .action(runs(async () => (await import('./commands/outbox-ls.ts')).outboxLs))
  outbox
    .command('unpark')
    .description('let parked messages be published again')
    .argument('<position...>', 'as `outbox ls` shows it', positions)
    .action(runs(async () => (await import('./commands/outbox-unpark.ts')).outboxUnpark))

  program
    .command('sweep')
    .description('remove records whose retention is over')
    .option('--limit <n>', 'at most this many in one step', positiveInteger, 1_000)
    .option('--all', 'step after step until none is left')
    .action(runs(async () => (await import('./commands/sweep.ts')).sweep))
  program
    .command('migrate')
    .description('create or upgrade the tables of the store')
    .option('--dry-run', 'print the statements, change nothing')
    .allowExcessArguments()
    .action(runs(async () => (await import('./commands/migrate.ts')).migrate))
    // Commander has no word for a command that does something itself and has subcommands, too.
    .hook('preAction', (migrate, called) => {
      const [stranger] = called === migrate ? called.args : []
      if (stranger !== undefined) throw usage(`unknown command 'migrate ${stranger}': did you mean \`migrate print\`?`)
    })
    .command('print')
    .allowExcessArguments(false)
    .description('print every statement that makes the tables from nothing; connects to nothing')
    .action(runs(async () => (await import('./commands/migrate-print.ts')).migratePrint))
  program
    .command('doctor')
    .description('check the store: schema, clock, abandoned and unknown operations, outbox, sweeping')
    .action(runs(async () => (await import('./commands/doctor.ts')).doctor))
  program
    .command('dashboard')
    .description('look at the store in a browser, and decide there')
    .addOption(
      new Option('--listen <[host:]port>', 'where it is served (127.0.0.1:4747); port 0: any that is free')
        .argParser(address)
        .default({ port: 4747 }, '4747'),
    )
    .option('--write', 'allow changes; without it the dashboard is read only')
    .option('--label <text>', 'what to show beside the name of the store, such as production')
    .action(runs(async () => (await import('./commands/dashboard.ts')).dashboard))
  program
    .command('classify')
    .description('say whether an SQL statement or an HTTP method is idempotent; connects to nothing')
    .argument('<what>', 'the statement in quotes, or a method such as PUT')
    .addOption(new Option('--dialect <dialect>', 'of which database').choices(['postgres', 'mysql', 'sqlite']))
    .action(runs(async () => (await import('./commands/classify.ts')).classify))
  proxyOptions(program.command('proxy')).action(runs(async () => (await import('./commands/proxy.ts')).proxy))
  program
    .command('completion')
    .description('print a completion script for your shell')
    .addArgument(new Argument('<shell>').choices(['bash', 'zsh', 'fish']))
    .action(async (shell: 'bash' | 'zsh' | 'fish') => {
      const { completionScript } = await import('./completion.ts')
      io.stdout.write(completionScript(program, shell))
    })
  return program
}

function ofOneOperation(command: Command): Command {
  return command
    .argument('[key]', 'the key, with --scope')
    .option('--scope <scope>', 'the scope of the key')
    .option('--id <id>', 'the id that `keys ls` shows, in place of key and scope')
}

function confirming(command: Command): Command {
  return command.option('-y, --yes', 'do not ask')
}

function outputTo(io: Io) {
  return {
    writeOut: (text: string) => void io.stdout.write(text),
    writeErr: (text: string) => void io.stderr.write(text),
    outputError: (text: string, write: (text: string) => void) =>
      write(colorsOf(io, 'stderr').red(printableLines(text.replace(/^error: /, 'onlyonce: ')))),
    getOutHelpWidth: () => io.stdout.columns ?? 100,
    getErrHelpWidth: () => io.stderr.columns ?? 100,
    getOutHasColors: () => wantsColor(io, 'stdout'),
    getErrHasColors: () => wantsColor(io, 'stderr'),
  }
}
