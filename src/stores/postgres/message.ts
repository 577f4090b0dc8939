import type { Row } from '../sql/rows.ts'
import { readable, readerOf } from './reading.ts'
import type { Statement, Values } from './statement.ts'

/** A `pg.Client` that accepts a `Submittable`, which writes to the connection itself. */
export interface Messenger {
  readonly connection: Connection
  query(message: Message): unknown
}

interface Connection {
  readonly stream: { cork?(): void; uncork?(): void }
  /** The texts of all statements prepared on this connection, by name, whoever prepared them. */
  readonly parsedStatements: Readonly<Record<string, string | undefined>>
  readonly writer?: unknown
  parse(query: { readonly name: string; readonly text: string }): void
  bind(config: { readonly statement: string; readonly values: readonly unknown[] }): void
  describe(target: { readonly type: 'P'; readonly name: string }): void
  execute(config: object): void
  sync(): void
}

/** What pg uses while the reply arrives. `name` and `text` belong to the part being answered: pg records them. */
interface Message extends Statement {
  readonly values: Values
  submit(connection: Connection): void
  callback(error: Error | null, rows?: readonly Row[]): void
  handleRowDescription(description: { readonly fields: readonly { readonly name: string }[] }): void
  handleDataRow(row: { readonly fields: readonly (string | null)[] }): void
  handleCommandComplete(): void
  handleReadyForQuery(): void
  handleError(error: Error): void
}

/**
 * Returns `undefined` for a client in pipeline mode too: it refuses queries that write to its connection directly. And
 * for pg before 8.2, whose `writer` reuses the buffer of a message that has not left yet.
 */
export function asMessenger(client: object): Messenger | undefined {
  const { connection, pipeline } = client as { connection?: Partial<Connection>; pipeline?: unknown }
  if (connection?.parsedStatements === undefined || typeof connection.bind !== 'function') return undefined
  return pipeline === true || connection.writer !== undefined ? undefined : (client as Messenger)
}

export interface Part {
  readonly statement: Statement
  readonly values: Values
  /** Whether it is a prepared statement, which the server keeps by its name. */
  readonly prepared: boolean
}

interface Column {
  readonly name: string
  readonly read: (value: unknown) => unknown
}

const NONE: readonly Column[] = []

/** The columns of a statement, by its name, which no other text has: they have to be described only once. */
const described = new Map<string, readonly Column[]>()

/**
 * Sends statements with one Sync after all: when one fails, the server skips the rest. Returns the rows of the last.
 */
export function sendMessage(messenger: Messenger, parts: readonly [...Part[], Part]): Promise<readonly Row[]> {
  const last = parts[parts.length - 1] as Part
  const { name, text } = shown(parts[0])
  const rows: Row[] = []
  let columns = described.get(last.statement.name)
  let answered = 0
  /** pg records by name what the server parses; it looks at the part being answered for that alone. */
  let isRecorded = false
  return new Promise((resolve, reject) => {
    // Own properties throughout, because instrumentation of queries may copy the object. Each named: what follows a
    // spread is slow in Node.js 20, half a microsecond for every property.
    const sent = messenger.query({
      name,
      text,
      values: parts[0].values,
      callback: (error, answer) => (error === null ? resolve(answer ?? []) : reject(error)),
      submit(connection) {
        connection.stream.cork?.()
        try {
          for (const part of parts) {
            const { name, text } = shown(part)
            if (name === '' || connection.parsedStatements[name] === undefined) {
              connection.parse({ name, text })
              isRecorded ||= name !== ''
            }
            connection.bind({ statement: name, values: part.values.map(bindable) })
            if (part === last && columns === undefined) connection.describe({ type: 'P', name: '' })
            connection.execute({})
          }
          connection.sync()
        } finally {
          connection.stream.uncork?.()
        }
      },
      handleRowDescription({ fields }) {
        columns = fields.map(({ name }) => ({ name, read: readerOf(name) }))
      },
      handleDataRow({ fields }) {
        const row: Record<string, unknown> = {}
        for (const [index, { name, read }] of (columns ?? NONE).entries()) row[name] = read(fields[index])
        rows.push(row)
      },
      handleCommandComplete() {
        const next = parts[++answered]
        if (next !== undefined && isRecorded) Object.defineProperties(this, ownOf(shown(next)))
      },
      handleReadyForQuery() {
        described.set(last.statement.name, columns ?? NONE)
        this.callback(null, rows)
      },
      handleError(error) {
        this.callback(error)
      },
    })
    // pg settles the message by its callback. A wrapper may reject, or may have passed on only text and values.
    if (sent instanceof Promise) {
      const narrowed = ({ rows }: { readonly rows?: readonly Row[] }) => {
        if (rows === undefined) return
        const rest = parts.slice(1) as [...Part[], Part]
        resolve(rest.length === 0 ? rows.map(readable) : sendMessage(messenger, rest))
      }
      sent.then(narrowed).catch(reject)
    }
  })
}

/** The name and text under which pg sees a part. */
function shown({ statement, prepared }: Part): Statement {
  return prepared ? statement : { name: '', text: statement.text }
}

/** Defined, not assigned: instrumentation may have turned `text` into a getter. */
function ownOf({ name, text }: Statement): PropertyDescriptorMap {
  const own = { writable: true, enumerable: true, configurable: true }
  return { name: { ...own, value: name }, text: { ...own, value: text } }
}

/** pg sends a Buffer as bytes, and anything else as text. */
function bindable(value: string | Uint8Array | null): string | Buffer | null {
  if (value === null || typeof value === 'string') return value
  return Buffer.from(value.buffer, value.byteOffset, value.byteLength)
}
