import { Cluster, type Redis } from 'ioredis'
import { createCluster } from 'redis'
import { expect, it } from 'vitest'
import { onlyonce } from '../../src/index.ts'
import { type RedisClient, redisStore } from '../../src/stores/redis/index.ts'
import { later } from '../support/leftovers.ts'
import { LIBRARIES, newPrefix, openClient } from '../support/redis.ts'
import { describeWith, describeWithFresh } from '../support/services.ts'
import { claimOf, clientOf, completionOf, granted, kindOf, portOf, storeOn } from './redis-helpers.ts'

const portsOf = (url: string) => [...url.matchAll(/:(\d+)/g)].map((match) => Number(match[1]))

type Open = (port: number) => Promise<RedisClient>

const openIoredis: Open = async (port) => {
  const client = new Cluster([{ host: '127.0.0.1', port }])
  client.on('error', () => {})
  later(() => client.disconnect())
  return client
}

const clients: Record<string, Open> = {
  ioredis: openIoredis,
  'node-redis': async (port) => {
    const client = createCluster({ rootNodes: [{ url: `redis://127.0.0.1:${port}` }] })
    client.on('error', () => {})
    await client.connect()
    later(() => client.destroy())
    return client as unknown as RedisClient
  },
}

interface Node {
  readonly port: number
  readonly client: Redis
  readonly id: string
}

const nodesOf = (url: string): Promise<Node[]> =>
  Promise.all(
    portsOf(url).map(async (port) => {
      const client = clientOf(port)
      return { port, client, id: String(await client.cluster('MYID')) }
    }),
  )

/** From where to where the slot of a key begins to move; no key of it has moved yet. */
async function moving(key: string, nodes: readonly Node[]) {
  const slot = await (nodes[0] as Node).client.cluster('KEYSLOT', key)
  const source = await ownerOf(slot, nodes)
  const target = nodes.find((node) => node !== source) as Node
  await target.client.cluster('SETSLOT', slot, 'IMPORTING', source.id)
  await source.client.cluster('SETSLOT', slot, 'MIGRATING', target.id)
  const move = (one: string) => source.client.call('MIGRATE', '127.0.0.1', String(target.port), one, '0', '5000')
  return {
    source,
    target,
    move,
    async moveAll() {
      for (const one of await source.client.cluster('GETKEYSINSLOT', slot, 1_000)) await move(one)
    },
    async end() {
      for (const node of [target, source]) await node.client.cluster('SETSLOT', slot, 'NODE', target.id)
    },
  }
}

describeWithFresh('redis-cluster', (start) => {
  it.each(Object.entries(clients))('%s: operations go on while their slot moves to another node', async (_, open) => {
    const { url, stop } = await start()
    later(stop)
    const nodes = await nodesOf(url)
    const first = nodes[0] as Node
    const prefix = newPrefix()
    const store = redisStore({ client: await open(first.port), prefix })
    later(() => store[Symbol.asyncDispose]())
    const [moved, stays] = [claimOf('moved'), claimOf('stays')]
    const key = `${prefix}:{${moved.id}}`
    const lease = await granted(store, moved)
    await granted(store, stays)

    const { target, move, end } = await moving(key, nodes)
    expect(await kindOf(store, claimOf('moved'))).toBe('running')
    await move(key)
    // The source answers ASK now, and the target has never seen the scripts.
    await target.client.script('FLUSH')
    expect(await kindOf(store, claimOf('moved'))).toBe('running')
    expect(await store.renew([{ lease, leaseMs: 60_000, retentionMs: 60_000 }])).toEqual(['ok'])
    await end()
    // And MOVED.
    expect(await store.complete([completionOf(lease)])).toEqual(['ok'])
    expect(await kindOf(store, claimOf('moved'))).toBe('done')
    expect(await kindOf(store, claimOf('stays'))).toBe('running')
  })

  it.each(Object.entries(clients))(
    '%s: what compact completed is not granted again while its slot moves',
    async (_, open) => {
      const { url, stop } = await start()
      later(stop)
      const nodes = await nodesOf(url)
      const prefix = newPrefix()
      // So few keys are one group: all of them in one slot, and in one bucket.
      const store = redisStore({ client: await open((nodes[0] as Node).port), prefix, compact: { keys: 2 } })
      later(() => store[Symbol.asyncDispose]())
      const done = await granted(store, claimOf('done'))
      expect(await store.complete([completionOf(done)])).toEqual(['ok'])
      const running = await granted(store, claimOf('running'))

      const { move, moveAll, end } = await moving(`${prefix}:{0}:`, nodes)
      const refused = () =>
        Promise.all([
          expect(store.claim([claimOf('done')])).rejects.toThrow('part of the cluster is not available'),
          expect(store.claim([claimOf('new')])).rejects.toThrow('part of the cluster is not available'),
          expect(store.complete([completionOf(running)])).rejects.toThrow('part of the cluster is not available'),
          expect(store.find([done.id])).rejects.toThrow('part of the cluster is not available'),
          expect(store.forget([done.id])).rejects.toThrow('part of the cluster is not available'),
        ])
      const renewed = () => store.renew([{ lease: running, leaseMs: 60_000, retentionMs: 60_000 }])
      await refused()
      expect(await renewed()).toEqual(['ok'])
      await move(`${prefix}:{0}:${running.id}`)
      await refused()
      expect(await renewed()).toEqual(['ok'])
      await moveAll()
      await end()
      expect(await kindOf(store, claimOf('done'))).toBe('done')
      expect(await store.complete([completionOf(running)])).toEqual(['ok'])
      expect(await kindOf(store, claimOf('running'))).toBe('done')
      expect(await kindOf(store, claimOf('new'))).toBe('granted')
    },
    60_000,
  )
})

async function ownerOf<Node extends { readonly client: Redis }>(slot: number, nodes: readonly Node[]): Promise<Node> {
  for (const node of nodes) {
    const id = String(await node.client.cluster('MYID'))
    const lines = String(await node.client.cluster('NODES')).split('\n')
    const mine = lines.find((line) => line.startsWith(id))?.split(' ') ?? []
    for (const range of mine.slice(8)) {
      const [first, last = first] = range.split('-').map(Number)
      if (first !== undefined && last !== undefined && slot >= first && slot <= last) return node
    }
  }
  throw new Error(`nobody has slot ${slot}`)
}

describeWith('redis-cluster', (url) => {
  it('waiting for replicas is refused: the client does not say which connection a command takes', async () => {
    const client = await openIoredis(portsOf(url)[0] as number)
    expect(() => redisStore({ client, durability: { waitReplicas: 1 } })).toThrow('option `durability` needs a client')
  })

  it.each(LIBRARIES)('a client of one node alone (%s) is told to be one', async (library) => {
    const { client, close } = await openClient(library, `redis://127.0.0.1:${portsOf(url)[0]}`)
    later(close)
    const once = onlyonce({ store: storeOn(client), scope: 's' })
    // Every third key or so is on that node.
    const calls = await Promise.allSettled(Array.from({ length: 30 }, (_, nth) => once(`k${nth}`, () => nth)))
    const errors = calls.flatMap((call) => (call.status === 'rejected' ? [call.reason] : []))
    expect(errors).not.toEqual([])
    for (const error of errors) expect(error).toMatchObject({ message: expect.stringContaining('client of a cluster') })
  })
})

describeWith('redis', (url) => {
  it('every script runs again after SCRIPT FLUSH', async () => {
    const client = clientOf(portOf(url))
    const store = storeOn(client)
    const flush = () => client.script('FLUSH')
    await flush()
    const lease = await granted(store, claimOf('a'))
    await flush()
    expect(await store.renew([{ lease, leaseMs: 1_000, retentionMs: 1_000 }])).toEqual(['ok'])
    await flush()
    expect(await store.complete([completionOf(lease)])).toEqual(['ok'])
    await flush()
    expect(await store.find([lease.id])).toMatchObject([{ state: 'done' }])
    await flush()
    expect(await store.release([lease])).toEqual(['lost'])
    await flush()
    expect(await store.forget([lease.id])).toBe(1)
  })

  it('an operation with a key of 36 characters and a result of 200 bytes takes at most 410 bytes', async () => {
    const client = clientOf(portOf(url))
    const store = storeOn(client, { prefix: 'onlyonce' })
    const request = claimOf('6f1c1c9e-6d1f-4b5e-9a51-2f6a3b1c7d42', { scope: 'payments', owner: 'ab'.repeat(16) })
    const lease = await granted(store, request)
    await store.complete([{ lease, result: { kind: 'value', body: Buffer.alloc(200, 7) }, retentionMs: 60_000 }])
    expect(await client.memory('USAGE', `onlyonce:{${request.id}}`)).toBeLessThanOrEqual(410)
    await store.forget([request.id])
  })
})
