import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, it } from 'vitest'
import { redisStore } from '../../src/stores/redis/index.ts'
import { storeConformance } from '../../src/testing/index.ts'
import { newPrefix, type OpenClient, openClient } from '../support/redis.ts'
import { describeWith } from '../support/services.ts'

const atOnce = { describe: describe.concurrent, it }

const NO_RESULT = 'compact keeps no result: a duplicate gets undefined'
const NO_FENCE = 'compact keeps no fence of a completed operation'
const PAYLOAD = 'compact does not compare payloads after the completion'
const EPOCHS = 'compact keeps every completed operation for the retention of the store, not of the call'
const UNLISTED = 'compact does not list completed operations'

/** What compact gives up, and nothing else. */
const NOT_KEPT = {
  'a batch of 500 goes through every verb, and is answered in its order': NO_RESULT,
  'done answers of a batch are not mixed up': NO_RESULT,
  'each claim of a batch is judged by itself, and answered in its place': NO_RESULT,
  'a done operation answers with its result, its id and the fence that settled it': NO_FENCE,
  'a done operation whose retention is over is new, also to another payload': EPOCHS,
  'the owner itself is told that the operation is done when it claims again': NO_RESULT,
  'a completed operation is done, with its result and without a live lease': NO_RESULT,
  'an owner that was taken over cannot complete, and the new one can': NO_RESULT,
  'an owner whose lease is over may complete while nobody took over': NO_RESULT,
  'an unknown result is replaced by a definite one of the same lease, for the retention of that one': NO_RESULT,
  'completing a step-by-step operation keeps its result and counters': NO_RESULT,
  'every kind of result comes back as it was': NO_RESULT,
  'retention counts from the completion, and is the one the completion asks for': EPOCHS,
  'fences grow across the end of retention, unswept': EPOCHS,
  'a listed record is the one that find answers': UNLISTED,
  'a record whose retention is over is neither found nor listed, swept or not': EPOCHS,
  'listing by state tells idle, running, done, abandoned and unknown apart': UNLISTED,
  'another payload is a mismatch when the operation is done, and does not see the result': PAYLOAD,
  'a record claimed again after its retention is not swept': EPOCHS,
  'a sweep does not touch what is within its retention: done, idle, abandoned, unknown or running': NO_FENCE,
  'a sweep removes what is past its retention, in every state, and answers how many': EPOCHS,
  'a result of no bytes, of every byte and of 256 KiB comes back byte for byte': NO_RESULT,
  'an operation is found by its id, never by its text: scope and key may be left out': NO_RESULT,
  'what one process writes the other sees at once': NO_RESULT,
  'bytes are copied on the way in: a Buffer that is used again does not change the record': NO_RESULT,
  'bytes are copied on the way out: writing to an answer does not change the record': NO_RESULT,
}

describeWith('redis-cluster', (url) => {
  let opened: OpenClient
  beforeAll(async () => {
    opened = await openClient('ioredis', url)
  })
  afterAll(() => opened.close())
  storeConformance(
    'redis, compact',
    {
      async open() {
        const prefix = newPrefix()
        const openStore = () => redisStore({ client: opened.client, prefix, compact: { keys: 1_000 } })
        const store = openStore()
        return {
          store,
          advance: async (ms) => void (await sleep(ms)),
          another: async () => openStore(),
          close: () => store[Symbol.asyncDispose](),
        }
      },
      skip: NOT_KEPT,
    },
    atOnce,
  )
})
