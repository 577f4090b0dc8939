/** A prepared statement: the server parses it once per connection and finds it by its name. */
export interface PgNamedQuery {
  readonly name: string
  readonly text: string
  readonly values: unknown[]
}

/** What a statement answered: its rows, and how many were written or read. */
export interface PgResult {
  // biome-ignore lint/suspicious/noExplicitAny: the columns of a row depend on the query, which only the caller knows
  readonly rows: any[]
  readonly rowCount?: number | null
}

/** The connection an effect writes with: the part of `pg.Client` that any driver can offer. */
export interface PgTx {
  /** Runs one statement inside the transaction, with `$1`, `$2`, … for the values. */
  query(text: string, values?: unknown[]): Promise<PgResult>
}

/** The part of `pg.Client` that the store uses: one connection, whose queries run in the order in which they are given. */
export interface PgClient extends PgTx {
  query(text: string, values?: unknown[]): Promise<PgResult>
  query(config: PgNamedQuery): Promise<PgResult>
  on?(event: 'error' | 'notification', listener: (...given: unknown[]) => void): unknown
  removeListener?(event: 'error' | 'notification', listener: (...given: unknown[]) => void): unknown
}

/** The part of a connection of `pg.Pool` that the store uses. */
export interface PgPoolClient extends PgClient {
  /** With an error the connection is closed, and the pool opens another one when needed. */
  release(error?: Error | boolean): void
}

/** The part of `pg.Pool` that the store uses. */
export interface PgPool {
  connect(): Promise<PgPoolClient>
  readonly options?: { readonly max?: number | undefined }
  on?(event: 'error' | 'connect', listener: (...given: unknown[]) => void): unknown
  removeListener?(event: 'error' | 'connect', listener: (...given: unknown[]) => void): unknown
}
