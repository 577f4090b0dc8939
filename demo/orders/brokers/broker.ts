import type { BatchInboxOptions, LeasedInboxOptions } from 'onlyonce/inbox'
import type { Publisher } from 'onlyonce/outbox'
import type { Room } from '../stores/place.ts'
import type { Consumer, WorkerSetup } from '../system/messages.ts'

/** What a consumer does with messages, one by one or in batches. */
export type AnyWork<Tx> = LeasedInboxOptions | BatchInboxOptions<Tx>

/** The broker of the shop with onlyonce, as a worker sees it. */
export interface Broker {
  /** For the relay: publishes the messages about paid orders. */
  publisher(): Promise<Publisher>
  /** Handles all such messages for this consumer until the process ends. */
  consume(name: Consumer, work: LeasedInboxOptions): Promise<void>
  consume<Tx>(name: Consumer, work: BatchInboxOptions<Tx>): Promise<void>
}

/** A kind of broker. */
export interface BrokerPlace {
  /**
   * Creates the topic or queue of one run, whose name is in the hash of its URL.
   * @throws Error when the server does not answer
   */
  makeRoom(url: string): Promise<Room>
  /** `setup.brokerUrl` is the URL of the room. Connects at the first use. */
  open(setup: WorkerSetup): Broker
}
