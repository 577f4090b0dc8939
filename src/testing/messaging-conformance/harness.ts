import type { Publisher } from '../../core/publisher.ts'
import type { OutboxMessage, TransactionalStore } from '../../core/store.ts'
import type { Consumer, ConsumerOptions } from '../../messaging/consumer.ts'
import type { AtomicInboxOptions, LeasedInboxOptions } from '../../messaging/inbox-options.ts'

/** A message as a producer writes it, by our publisher or another program. */
export interface RawMessage {
  /** Left out: the message carries no id of its own. */
  readonly id?: string
  readonly body: Uint8Array
  readonly headers?: Readonly<Record<string, string>>
  readonly orderingKey?: string
}

/** A message in the dead-letter place. */
export interface ParkedMessage {
  /** Empty if it has none. */
  readonly id: string
  /** The reason stored with the message. */
  readonly reason: string
  readonly body: Uint8Array
  /** The message's own headers, and `onlyonce-consumer` and `onlyonce-source`; there may be more. */
  readonly headers: Readonly<Record<string, string>>
}

/** The properties of a broker. Cases that need more than it has are left out by name. */
export interface BrokerTraits {
  /**
   * For messages with the same ordering key, what is kept:
   * - `'consumers'`: their order, over any number of consumers
   * - `'consumer'`: their order, as long as one consumer reads the topic
   * - `'none'`: nothing
   */
  readonly ordering: 'consumers' | 'consumer' | 'none'
  /** `Delivery.coordinates` is filled in. */
  readonly coordinates: boolean
  /** `Delivery.publishedAt` is filled in. */
  readonly publishedAt: boolean
  /** A message can be published without an id of its own. */
  readonly withoutId: boolean
  /** A second message with the same id is kept too. `false`: the broker drops it while it remembers the first. */
  readonly keepsDuplicates: boolean
  /** Whether the broker can carry this id: some forbid characters or lengths. Default: it can carry any. */
  readonly carriesId?: (id: string) => boolean
  /** Default true. Whether the broker can carry an empty body. */
  readonly emptyBodies?: boolean
  /** How many consumers of one topic get messages at the same time. Default 4. */
  readonly consumers?: number
}

/** Faults between consumers or publishers and the broker. Those that the harness `offers` are present. */
export interface BrokerFaults {
  /** All connections of consumers and publishers of this topic are lost at once. New ones succeed. */
  cut?(): Promise<void>
  /**
   * From now on every nth acknowledgement is lost, and the broker redelivers those messages by itself (because the
   * connection is lost with them, or its own time limit is over).
   */
  loseAcks?(every: number): Promise<LosingAcks>
  /** Kills the broker's process. Only for a topic that was opened with `breakable`. */
  down?(): Promise<void>
  /** Starts it again with its stored data. */
  up?(): Promise<void>
}

/** A fault that lasts until it is stopped. */
export interface LosingAcks {
  /** How many were lost so far. */
  readonly lost: number
  /** No further acknowledgement is lost. */
  stop(): Promise<void>
}

/** `'breakable'`: `faults.down` and `faults.up`, for a topic that was opened as `breakable`. */
export type TopicOffer = 'breakable' | 'cut' | 'loseAcks' | 'refused'

/** What the topic of a case has to be like: see `openTopic`. */
export interface TopicWish {
  readonly breakable: boolean
  readonly ordered: boolean
}

/** An empty topic or queue of one case, and what may be done to it besides consuming and publishing. */
export interface OpenTopic<Place> {
  /** What `consume` and `publisher` need to find the topic, as JSON, also in another process. */
  readonly place: Place
  /** The value of `OutboxMessage.topic`. */
  readonly topic: string
  /** Publishes by a client of the harness, not the publisher under test. Resolves when the broker has all, in order. */
  publish(messages: readonly RawMessage[]): Promise<void>
  /** How many messages are neither acknowledged nor parked: waiting, delivered, or postponed. */
  depth(): Promise<number>
  /** Returns the messages that were put aside, in any order. */
  parked(): Promise<readonly ParkedMessage[]>
  /**
   * Returns a message with this id that the broker refuses while it accepts others: too large, or to an unknown topic.
   */
  refused?(id: string): OutboxMessage
  /** The faults that this topic offers. Absent: none. */
  readonly faults?: BrokerFaults
  /** Removes the topic; called after the consumers and publishers of the case. */
  close(): Promise<void>
}

/** What the suite gives to the adapter's `consume`: the options of the inbox, and those that every broker has. */
export type ConsumeOptions<Tx> = (AtomicInboxOptions<Tx> | LeasedInboxOptions) & ConsumerOptions

/** A publisher of the adapter under test, for one case. */
export interface OpenPublisher {
  /** What a relay would be given. */
  readonly publish: Publisher
  /** Closes what was opened for it; called once. */
  close(): Promise<void>
}

/** One write of an effect. */
export interface LedgerRow {
  readonly consumer: string
  /** The message's id, or whatever the case counts by. */
  readonly id: string
  /** Which of the effect's two writes it is. */
  readonly part: number
  readonly fence: number
  /** The id of the message that the handler would send on. */
  readonly output: string
}

/** The handler's own database: records and effects in one place, for any number of processes. */
export interface Ledger<Tx> {
  /** Keeps the records of the consumers, beside the rows. */
  readonly store: TransactionalStore<Tx>
  /** Adds a row inside the transaction. Rows are never changed or removed. */
  write(tx: Tx, row: LedgerRow): Promise<void>
  /** Returns all rows in the order of the writes. */
  read(tx: Tx): Promise<readonly LedgerRow[]>
  /** Closes the database in this process; its data stay. */
  close(): Promise<void>
}

/**
 * What the suites need from an adapter and its broker. `consume`, `publisher` and `ledger` are called in this process
 * and in those that `worker` starts.
 */
export interface MessagingHarness<Place, Tx> extends MessagingWorker<Place, Tx> {
  /** What the broker can do. Cases that need more are left out. */
  readonly traits: BrokerTraits
  /**
   * Opens an empty topic or queue that nobody else uses, with everything a consumer needs. `breakable`: on its own
   * broker, because that is going to be killed. `ordered`: all its messages have an ordering key, for a broker with
   * special topics for such messages.
   */
  openTopic(options: TopicWish): Promise<OpenTopic<Place>>
  /** What topics of this harness offer in addition; cases that need more are left out. Default: nothing. */
  readonly offers?: readonly TopicOffer[]
  /** Default 60 000. How long a case waits for something before it fails. */
  readonly patienceMs?: number
  /**
   * A file that Node.js can run directly, and that calls `runMessagingWorker` with the same three functions. Without
   * it, the cases that kill processes are left out.
   */
  readonly worker?: string
}

/** The functions of a harness that processes that are killed need, too. */
export interface MessagingWorker<Place, Tx> {
  /** The adapter's `consume`, with the broker's own options filled in. */
  consume(place: Place, options: ConsumeOptions<Tx>): Consumer
  /** The adapter's `publisher`. Without it, its cases are left out. */
  publisher?(place: Place): OpenPublisher | Promise<OpenPublisher>
  /** Opens the ledger in this folder, which exists; another process may have it open. */
  ledger(directory: string): Promise<Ledger<Tx>>
}

/** What a broker, or its harness, may lack. */
export type MessagingNeed =
  | 'worker'
  | 'publisher'
  | TopicOffer
  | 'coordinates'
  | 'publishedAt'
  | 'withoutId'
  | 'keepsDuplicates'
  | 'ordering'
  | 'ordering over consumers'

/** What must be true at the end, whatever happened. */
export type Oracle =
  /** Every message has one effect. */
  | 'E1'
  /** Every message has an effect. */
  | 'L0'
  /** The order per ordering key holds. */
  | 'O1'
  /** Every delivery is settled: nothing is left in the topic. */
  | 'A1'
  /** All attempts at a message send the same outputs. */
  | 'S1'

/** One rule that must hold on every broker, and its test. */
export interface MessagingCase {
  readonly name: string
  readonly group: string
  /** The numbers of the faults and crash windows that the rule comes from. */
  readonly ids: readonly string[]
  readonly oracles: readonly Oracle[]
  readonly needs?: readonly MessagingNeed[]
  /** Resolves if the rule holds; rejects with what was seen instead. */
  run<Place, Tx>(context: MessagingContext<Place, Tx>): Promise<void>
}

/** What a case works with. */
export interface MessagingContext<Place, Tx> {
  readonly harness: MessagingHarness<Place, Tx>
  /** Calls `work` when the case is over, whether it passed or not; last in, first out. */
  after(work: () => unknown): void
}
