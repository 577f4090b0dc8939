import { afterAll, beforeAll, describe, it } from 'vitest'
import { storeConformance } from '../../src/testing/index.ts'
import { openRedis } from '../support/opened.ts'
import { LIBRARIES, type Library, type OpenClient, openClient } from '../support/redis.ts'
import { describeWith, type Kind } from '../support/services.ts'

/** The clock is the server's, so time is slept through: by many cases at once. */
const atOnce = { describe: describe.concurrent, it }

function conforms(kind: Kind, library: Library): void {
  describeWith(kind, (url) => {
    let opened: OpenClient
    beforeAll(async () => {
      opened = await openClient(library, url)
    })
    afterAll(() => opened.close())
    storeConformance(`redis, ${library}, ${kind}`, { open: () => openRedis(opened.client) }, atOnce)
  })
}

for (const library of LIBRARIES) conforms('redis', library)
for (const library of LIBRARIES) conforms('redis-cluster', library)
for (const library of ['ioredis', 'node-redis'] as const) conforms('redis-sentinel', library)
