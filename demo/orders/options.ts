import { accessSync, constants } from 'node:fs'
import { dirname } from 'node:path'
import { parseArgs } from 'node:util'
import { type BrokerName, brokerNamed } from './brokers/broker-names.ts'
import { type StoreName, storeNamed } from './stores/store-names.ts'

export interface DemoOptions {
  /** Default: all orders of the input. */
  readonly orders?: number
  /** Default 1. The same seed gives the same faults and kills. */
  readonly seed?: number
  /** Default 36. How many workers are killed with SIGKILL in each run. */
  readonly kills?: number
  /** Default: the 18,532 orders that come with the demo. A CSV with a header, or NDJSON. */
  readonly input?: string
  /** Prints one JSON object instead of the table. */
  readonly json?: boolean
  /** Writes the result as a picture. */
  readonly svg?: string
  /** Keeps the ledgers, and says where they are. */
  readonly keep?: boolean
  /** Default `sqlite`: files in the run's directory. Or the URL of a server. */
  readonly store?: string
  /** Default `embedded`: a queue in a file. Or the URL of a server. */
  readonly broker?: string
}

export const DEFAULTS = { seed: 1, kills: 36, store: 'sqlite', broker: 'embedded' } as const

/** The options with all defaults filled in. */
export interface CheckedOptions extends DemoOptions {
  readonly seed: number
  readonly kills: number
  readonly store: StoreName
  /** As it was given: may hold a password. */
  readonly storeUrl: string
  readonly broker: BrokerName
  /** Likewise. */
  readonly brokerUrl: string
}

/** Invalid options. The message says what is valid. */
export class UsageError extends Error {
  override readonly name = 'UsageError'
}

export const HELP = `The order system: the same orders and the same faults, without and with onlyonce.

Usage: onlyonce demo [options]

  --orders N       only the first N orders (default: all 18,532)
  --seed N         seed of all faults and kills (default ${DEFAULTS.seed})
  --kills N        workers killed with SIGKILL in each run (default ${DEFAULTS.kills})
  --input FILE     CSV or NDJSON with order_id, customer_id, placed_on, amount_pence
  --json           print one JSON object instead of the table
  --svg FILE       write the result as a picture
  --keep           keep the ledgers, also those on the server, and say where they are
  --store URL      where the protected shop keeps its records (default ${DEFAULTS.store}), one of
                     ${DEFAULTS.store}                          files of its own
                     redis://…  redis+cluster://…  redis+sentinel://host:port/master
                                                     the business data stays in files
                     postgres://…  mysql://…         with all business data
                   A run makes a key prefix, schema or database of its own there,
                   called demo_ and a random number, and removes it at its end.
                   The unprotected shop always runs on files.
  --broker URL     what carries the messages of the protected shop (default ${DEFAULTS.broker}), one of
                     ${DEFAULTS.broker}                        a queue in a file
                     rabbitmq://…  kafka://…  rocketmq://…  nats://…
                     redis-streams://…  bullmq://…
                   A run makes queues or topics of its own there, called demo- and
                   a random number, and removes them at its end.
  --help           this text

Exit code: 0 all is well, 1 the audit of the protected run failed, 2 wrong usage,
3 the store or the broker cannot be reached.
`

const MAX_KILLS = 1_000
const MAX_SEED = 0xffffffff

/** @throws UsageError */
export function parseOptions(argv: readonly string[]): DemoOptions | 'help' {
  let values: ReturnType<typeof parse>
  try {
    values = parse(argv)
  } catch (error) {
    throw new UsageError((error as Error).message.split('. ')[0] ?? '')
  }
  const { help, orders, seed, kills, ...rest } = values
  if (help === true) return 'help'
  return {
    ...rest,
    ...(orders === undefined ? {} : { orders: numberOf('--orders', orders) }),
    ...(seed === undefined ? {} : { seed: numberOf('--seed', seed) }),
    ...(kills === undefined ? {} : { kills: numberOf('--kills', kills) }),
  }
}

/** @throws UsageError for a value that cannot be used */
export function checkOptions(options: DemoOptions): CheckedOptions {
  const { orders, seed = DEFAULTS.seed, kills = DEFAULTS.kills } = options
  const { store = DEFAULTS.store, broker = DEFAULTS.broker } = options
  if (orders !== undefined) checkRange('--orders', orders, 1, Number.MAX_SAFE_INTEGER)
  checkRange('--seed', seed, 0, MAX_SEED)
  checkRange('--kills', kills, 0, MAX_KILLS)
  if (options.svg !== undefined) checkPlace(options.svg)
  return {
    ...options,
    seed,
    kills,
    broker: checkBroker(broker),
    brokerUrl: broker,
    store: checkStore(store),
    storeUrl: store,
  }
}

function parse(argv: readonly string[]) {
  const text = { type: 'string' } as const
  const flag = { type: 'boolean' } as const
  return parseArgs({
    args: [...argv],
    options: {
      orders: text,
      seed: text,
      kills: text,
      input: text,
      json: flag,
      svg: text,
      keep: flag,
      store: text,
      broker: text,
      help: { ...flag, short: 'h' },
    },
  }).values
}

function numberOf(name: string, text: string): number {
  if (/^\d{1,15}$/.test(text)) return Number(text)
  throw new UsageError(`${name} must be a whole number; got ${JSON.stringify(text)}`)
}

function checkRange(name: string, value: number, least: number, most: number): void {
  if (Number.isSafeInteger(value) && value >= least && value <= most) return
  throw new UsageError(`${name} must be a whole number from ${least} to ${most}; got ${value}`)
}

/** Checked before the run, not after a minute of it. */
function checkPlace(svg: string): void {
  try {
    accessSync(dirname(svg), constants.W_OK)
  } catch (error) {
    throw new UsageError(`--svg must be a file in a directory where this user may write: ${(error as Error).message}`)
  }
}

function checkStore(store: string): StoreName {
  const name = storeNamed(store)
  if (name !== undefined) return name
  // The value is not quoted: it may hold a password.
  throw new UsageError(
    '--store must be sqlite or the URL of a server (redis://…, redis+cluster://…, redis+sentinel://…, postgres://…, mysql://…)',
  )
}

function checkBroker(broker: string): BrokerName {
  const name = brokerNamed(broker)
  if (name !== undefined) return name
  throw new UsageError(
    '--broker must be embedded or the URL of a server (rabbitmq://…, kafka://…, rocketmq://…, nats://…, redis-streams://…, bullmq://…)',
  )
}
