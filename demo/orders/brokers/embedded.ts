import { consume } from 'onlyonce/embedded-queue'
import type { Consumer } from '../system/messages.ts'
import { createProgress } from '../system/progress.ts'
import type { AnyWork, BrokerPlace } from './broker.ts'
import { IN_HAND } from './in-hand.ts'
import { openQueue, withFaults } from './queue.ts'

/** A queue in a file in the run's directory. */
export const embedded: BrokerPlace = {
  makeRoom: async (url) => ({ url, remove: async () => {} }),
  open: ({ dir, seed }) => ({
    publisher: async () => openQueue(dir).publish,
    async consume<Tx>(name: Consumer, work: AnyWork<Tx>) {
      const queue = withFaults(openQueue(dir), { dir, seed, consumer: name, onFirst: createProgress().add })
      consume({ ...work, ...IN_HAND, queue, from: name })
    },
  }),
}
