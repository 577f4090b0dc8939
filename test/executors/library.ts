/** An open transaction of a library, as its users have it. */
export interface Joined<Tx> {
  /** What the store is given. The same at every call. */
  executor(): Tx
  /** A business row, written the way that the library's own users write one. */
  insert(key: string): Promise<unknown>
}

/** A real library on a real server, as small as the shared cases need it. */
export interface Library<Tx> {
  /** Commits when `work` is fulfilled, rolls back and rejects with its error when not. */
  transaction<T>(work: (joined: Joined<Tx>) => Promise<T>): Promise<T>
  /** An executor where no transaction is open, for libraries whose types let that pass. */
  outside?(): Tx
  close(): Promise<unknown>
}

export interface LibraryTraits {
  /** The library undoes the whole transaction when a statement of the caller failed, whoever caught the error. */
  readonly failedStatementIsFatal?: boolean
  /** It was set up to answer `snakeCase` for `snake_case`, also to what goes through the executor. */
  readonly renamesColumns?: boolean
}
