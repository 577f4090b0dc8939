/** The part of BullMQ's `Job` that we use, by shape. */
export interface BullJob {
  readonly id?: string | undefined
  /** Missing when nothing is left of the job but its id. */
  readonly name?: string | undefined
  readonly data: unknown
  readonly queueName: string
  readonly queueQualifiedName: string
  /** When it was added, in ms since the epoch. */
  readonly timestamp: number
  readonly attemptsStarted: number
  readonly stalledCounter: number
  updateData(data: unknown): Promise<void>
  moveToDelayed(timestamp: number, token?: string): Promise<void>
}

/** The part of BullMQ's `Worker` that we use. */
export interface BullWorker {
  close(): Promise<unknown>
}

/** The part of BullMQ's `Queue` that we use. */
export interface BullQueue {
  // biome-ignore lint/suspicious/noExplicitAny: the types of name and data are the queue's own, whatever they are.
  add(name: any, data: any, options?: object): Promise<{ readonly id?: string | undefined }>
  getJob(id: string): Promise<{ readonly data: unknown } | undefined>
}
