import { parseArgs } from 'node:util'

export interface DemoOptions {
  /** Default: all orders of the input. */
  readonly orders?: number
  /** Default 1. The same seed, the same faults and kills. */
  readonly seed?: number
  /** Default 36. Workers killed with SIGKILL in each run. */
  readonly kills?: number
  /** Default: the 18,532 orders that come with the demo. A CSV with a header, or NDJSON. */
  readonly input?: string
  /** Prints one JSON object instead of the table. */
  readonly json?: boolean
  /** Writes the result as a picture. */
  readonly svg?: string
  /** Leaves the ledgers where they are, and says where that is. */
  readonly keep?: boolean
  readonly store?: string
  readonly broker?: string
}

export const DEFAULTS = { seed: 1, kills: 36, store: 'sqlite', broker: 'embedded' } as const

/** What was asked for makes no sense. The message says what would. */
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
  --keep           keep the ledgers and say where they are
  --store sqlite   where records live; more are to come
  --broker embedded  what carries the messages; more are to come
  --help           this text

Exit code: 0 all is well, 1 the audit of the protected run failed, 2 wrong usage.
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
export function checkOptions(options: DemoOptions): DemoOptions & typeof DEFAULTS {
  const { orders, seed = DEFAULTS.seed, kills = DEFAULTS.kills } = options
  const { store = DEFAULTS.store, broker = DEFAULTS.broker } = options
  if (orders !== undefined) checkRange('--orders', orders, 1, Number.MAX_SAFE_INTEGER)
  checkRange('--seed', seed, 0, MAX_SEED)
  checkRange('--kills', kills, 0, MAX_KILLS)
  checkOnly('--store', store, DEFAULTS.store, 'redis, postgres and mysql')
  checkOnly('--broker', broker, DEFAULTS.broker, 'kafka, rabbitmq and nats')
  return { ...options, ...DEFAULTS, ...({ seed, kills } as typeof DEFAULTS) }
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

function checkOnly(name: string, value: string, only: string, toCome: string): void {
  if (value === only) return
  throw new UsageError(`${name} can only be ${only} today; ${toCome} are to come. Got ${JSON.stringify(value)}`)
}
