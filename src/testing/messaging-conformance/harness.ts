import type { Publisher } from '../../core/publisher.ts'
import type { OutboxMessage, TransactionalStore } from '../../core/store.ts'
import type { Consumer, PullOptions } from '../../messaging/consumer.ts'
import type { AtomicInboxOptions, LeasedInboxOptions } from '../../messaging/inbox-options.ts'

/** A message as a producer writes it, ours or somebody else's. */
export interface RawMessage {
  /** Left out: the message carries no id of its own. */
  readonly id?: string
  readonly body: Uint8Array
  readonly headers?: Readonly<Record<string, string>>
  readonly orderingKey?: string
}

/** A message that was put aside. */
export interface ParkedMessage {
  /** '' when it has none. */
  readonly id: string
  /** The reason as it stands beside the message. */
  readonly reason: string
  readonly body: Uint8Array
  /** Those of the message, and the labels `onlyonce-consumer` and `onlyonce-source`; more may be there. */
  readonly headers: Readonly<Record<string, string>>
}

/** What the broker is, as data. Cases that need more than it has are left out, and say so. */
export interface BrokerTraits {
  /**
   * What messages with the same ordering key keep to.
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
  /** A second message with the same id is kept as well. `false`: the broker drops it for as long as it remembers. */
  readonly keepsDuplicates: boolean
  /** Whether it can carry this id: some forbid characters or lengths. Default: every one. */
  readonly carriesId?: (id: string) => boolean
  /** Default true. Whether it can carry a body of no bytes. */
  readonly emptyBodies?: boolean
  /** How many consumers of one topic get messages at the same time. Default 4. */
  readonly consumers?: number
}

/** Things done to the way between consumers or publishers and the broker. Those that the harness `offers` are there. */
export interface BrokerFaults {
  /** Every connection of consumers and publishers of this topic is lost at once. New ones succeed. */
  cut?(): Promise<void>
  /**
   * From now on every so many-th acknowledgement does not arrive, and the broker delivers those messages again by itself
   * (because the connection is lost with them, or its own time is over).
   */
  loseAcks?(every: number): Promise<LosingAcks>
  /** Kills the broker's process. Only of a topic that was opened with `breakable`. */
  down?(): Promise<void>
  /** Starts it again with what it had stored. */
  up?(): Promise<void>
}

export interface LosingAcks {
  /** How many were lost so far. */
  readonly lost: number
  stop(): Promise<void>
}

/** `'breakable'`: `faults.down` and `faults.up`, of a topic that was opened as such. */
export type TopicOffer = 'breakable' | 'cut' | 'loseAcks' | 'refused'

export interface TopicWish {
  readonly breakable: boolean
  readonly ordered: boolean
}

export interface OpenTopic<Place> {
  /** What `consume` and `publisher` need to find it, also in another process: JSON. */
  readonly place: Place
  /** What goes into `OutboxMessage.topic`. */
  readonly topic: string
  /** By a client of the harness, not by the publisher under test. Resolves when the broker has all of them, in order. */
  publish(messages: readonly RawMessage[]): Promise<void>
  /** How many messages are neither acknowledged nor put aside: waiting, delivered, or put off. */
  depth(): Promise<number>
  parked(): Promise<readonly ParkedMessage[]>
  /**
   * A message with this id that the broker refuses while others are taken: too large, to a topic that is not there.
   */
  refused?(id: string): OutboxMessage
  readonly faults?: BrokerFaults
  close(): Promise<void>
}

export type ConsumeOptions<Tx> = (AtomicInboxOptions<Tx> | LeasedInboxOptions) &
  Pick<PullOptions, 'concurrency' | 'prefetch' | 'onEvent'>

export interface OpenPublisher {
  readonly publish: Publisher
  close(): Promise<void>
}

/** One write of an effect. */
export interface LedgerRow {
  readonly consumer: string
  /** The message's id, or whatever the case counts by. */
  readonly id: string
  /** Which of the effect's two writes. */
  readonly part: number
  readonly fence: number
  /** The id of what the handler would send on. */
  readonly output: string
}

/** A database of the handler's own: records and effects in one place, for any number of processes. */
export interface Ledger<Tx> {
  readonly store: TransactionalStore<Tx>
  /** Inside the transaction. Rows are only ever added. */
  write(tx: Tx, row: LedgerRow): Promise<void>
  /** Every row in the order of the writes. */
  read(tx: Tx): Promise<readonly LedgerRow[]>
  close(): Promise<void>
}

/**
 * What the suites need of an adapter and its broker. `consume`, `publisher` and `ledger` are called in this process and
 * in those that `worker` starts.
 */
export interface MessagingHarness<Place, Tx> extends MessagingWorker<Place, Tx> {
  readonly traits: BrokerTraits
  /**
   * A topic or queue that nobody else uses, empty, with everything a consumer needs. `breakable`: on a broker that
   * nobody else uses, because it is going to be killed. `ordered`: every message of it has an ordering key, for a broker
   * that has topics of their own for such.
   */
  openTopic(options: TopicWish): Promise<OpenTopic<Place>>
  /** What topics of this harness offer beside the rest; the cases that need more are left out. Default: nothing. */
  readonly offers?: readonly TopicOffer[]
  /** Default 60 000. How long a case waits for something before it fails. */
  readonly patienceMs?: number
  /**
   * A file that Node.js runs as it is, and that calls `runMessagingWorker` with the same three functions. Default: the
   * cases that kill processes are left out.
   */
  readonly worker?: string
}

export interface MessagingWorker<Place, Tx> {
  /** The adapter's `consume`, with the broker's own options filled in. */
  consume(place: Place, options: ConsumeOptions<Tx>): Consumer
  /** The adapter's `publisher`. Default: its cases are left out. */
  publisher?(place: Place): OpenPublisher | Promise<OpenPublisher>
  /** Opens the ledger in this folder, which is there; another process may have it open. */
  ledger(directory: string): Promise<Ledger<Tx>>
}

/** What a broker, or this harness of it, may lack. */
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
  /** No message has none. */
  | 'L0'
  /** The order of each ordering key holds. */
  | 'O1'
  /** Every delivery is settled: nothing is left in the topic. */
  | 'A1'
  /** All attempts at a message send the same outputs. */
  | 'S1'

/** One sentence that must hold on every broker, and the proof of it. */
export interface MessagingCase {
  readonly name: string
  readonly group: string
  /** The faults by number, and the crash windows, that the sentence comes from. */
  readonly ids: readonly string[]
  readonly oracles: readonly Oracle[]
  readonly needs?: readonly MessagingNeed[]
  run<Place, Tx>(context: MessagingContext<Place, Tx>): Promise<void>
}

export interface MessagingContext<Place, Tx> {
  readonly harness: MessagingHarness<Place, Tx>
  /** Calls `work` when the case is over, whatever became of it; the last first. */
  after(work: () => unknown): void
}
