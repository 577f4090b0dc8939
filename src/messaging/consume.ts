import type { Consumer } from './consumer.ts'
import type { AtomicInboxOptions, BatchInboxOptions, InboxOptions, LeasedInboxOptions } from './inbox-options.ts'

/** The `consume` function of a broker: takes the options of the inbox, typed by guarantee, and those of the broker. */
export interface Consume<Source> {
  (options: LeasedInboxOptions & Source): Consumer
  <Tx>(options: AtomicInboxOptions<Tx> & Source): Consumer
  <Tx>(options: BatchInboxOptions<Tx> & Source): Consumer
  /** For callers that forward any of the above. */
  <Tx>(options: InboxOptions<Tx> & Source): Consumer
}
