import { expect, it } from 'vitest'
import { onlyonce } from '../../src/index.ts'
import type { Word } from '../../src/stores/redis/client.ts'
import { type NodeRedisClient, redisStore } from '../../src/stores/redis/index.ts'
import { later } from '../support/leftovers.ts'
import { LIBRARIES, openClient } from '../support/redis.ts'
import { describeWith, describeWithFresh } from '../support/services.ts'
import { until } from '../support/waiting.ts'
import { claimOf, clientOf, completionOf, granted, kindOf, portOf, storeOn } from './redis-helpers.ts'

const unavailable = (reason: RegExp) => ({ code: 'STORE_UNAVAILABLE', message: expect.stringMatching(reason) })

describeWithFresh('redis', (start) => {
  it('a wrong password, and none', async () => {
    const { processes, stop } = await start({ args: ['--requirepass', 'right'] })
    later(stop)
    const port = processes[0]?.port as number
    const once = (password?: string) =>
      onlyonce({ store: storeOn(clientOf(port, password === undefined ? {} : { password })), scope: 's' })
    await expect(once()('k', () => 1)).rejects.toMatchObject(unavailable(/password/))
    await expect(once('hunter2')('k', () => 1)).rejects.toMatchObject(unavailable(/password/))
    await expect(once('hunter2')('k', () => 1)).rejects.not.toThrow(/hunter2/)
    expect(await once('right')('k', () => 1)).toBe(1)
  })

  it('a full memory: claims are refused, what is held can be forgotten, and there is room again', async () => {
    const { processes, stop } = await start({ args: ['--maxmemory-policy', 'noeviction'] })
    later(stop)
    const client = clientOf(processes[0]?.port as number)
    const store = storeOn(client)
    const lease = await granted(store, claimOf('held'))
    await client.config('SET', 'maxmemory', '1')
    await expect(store.claim([claimOf('new')])).rejects.toMatchObject(unavailable(/memory is full/))
    await expect(store.complete([completionOf(lease)])).rejects.toMatchObject(unavailable(/memory is full/))
    expect(await store.forget([lease.id])).toBe(1)
    expect(await store.find([lease.id])).toEqual([undefined])
    await client.config('SET', 'maxmemory', '0')
    expect(await kindOf(store, claimOf('new'))).toBe('granted')
  })

  it('a replica, which takes no writes', async () => {
    const [master, replica] = [await start({ args: ['--repl-diskless-sync-delay', '0'] }), await start()]
    later(master.stop)
    later(replica.stop)
    const client = clientOf(replica.processes[0]?.port as number)
    await client.call('REPLICAOF', '127.0.0.1', String(master.processes[0]?.port))
    await until('the link', async () => (await client.info('replication')).includes('master_link_status:up'))
    const store = storeOn(client)
    const once = onlyonce({ store, scope: 's', storeTimeoutMs: 500 })
    await expect(once('k', () => 1)).rejects.toMatchObject(unavailable(/replica/))
    expect((await store.inspect()).warnings.join()).toContain('connect to the master')
  })

  it('an evicting policy, no persistence and missing replicas are found by inspect', async () => {
    const { processes, stop } = await start({ args: ['--maxmemory-policy', 'allkeys-lru', '--maxmemory', '100mb'] })
    later(stop)
    const store = storeOn(clientOf(processes[0]?.port as number), { durability: { waitReplicas: 1 } })
    const { nodes, warnings } = await store.inspect()
    expect(nodes).toMatchObject([{ role: 'master', maxmemoryPolicy: 'allkeys-lru', persistence: 'none', replicas: 0 }])
    for (const word of ['allkeys-lru', 'keeps nothing on disk', 'every claim is refused']) {
      expect(warnings.join('\n')).toContain(word)
    }
  })
})

describeWithFresh('redis-aof', (start) => {
  it('a user that may not ask for settings is told of a missing append-only file, and of no other', async () => {
    const { processes, stop } = await start()
    later(stop)
    const port = processes[0]?.port as number
    const client = clientOf(port)
    await client.acl('SETUSER', 'app', 'on', '>right', '~*', '&*', '+@all', '-config')
    const store = storeOn(clientOf(port, { username: 'app', password: 'right' }))
    expect(await store.inspect()).toMatchObject({ nodes: [{ persistence: 'unknown' }], warnings: [] })
    await client.config('SET', 'appendonly', 'no')
    const { nodes, warnings } = await store.inspect()
    expect(nodes).toMatchObject([{ persistence: 'unknown' }])
    expect(warnings).toEqual([expect.stringContaining('no append-only file')])
  })

  it('nothing is found where there is nothing to say, and records outlive a crash of the server', async () => {
    const { processes, restart, stop } = await start()
    later(stop)
    const client = clientOf(processes[0]?.port as number)
    const store = storeOn(client)
    for (const library of LIBRARIES) {
      const { client: other, close } = await openClient(library, `redis://127.0.0.1:${processes[0]?.port}`)
      later(close)
      expect(await storeOn(other).inspect(), library).toMatchObject({
        nodes: [{ persistence: 'aof always' }],
        warnings: [],
      })
    }
    const [held, finished] = [claimOf('held'), claimOf('finished')]
    await granted(store, held)
    await store.complete([completionOf(await granted(store, finished))])
    await restart('immediate')
    await until('the restart', () =>
      kindOf(store, claimOf('held')).then(
        (kind) => kind === 'running',
        () => false,
      ),
    )
    expect(await kindOf(store, claimOf('finished'))).toBe('done')
    expect(await kindOf(store, held)).toBe('granted')
  })
})

describeWith('redis', (url) => {
  it.each([
    ['a word', (key: string) => ['SET', key, 'rubbish']],
    ['a long word', (key: string) => ['SET', key, 'x'.repeat(200)]],
    ['a record cut short', (key: string) => ['SET', key, Buffer.from([1, 2, ...Array(31).fill(0), 250, 0, 0, 0, 0])]],
    ['a newer format', (key: string) => ['SET', key, Buffer.from([9, 2, ...Array(60).fill(0)])]],
    ['another type', (key: string) => ['HSET', key, 'a', 'b']],
  ])('%s where a record should be: a clear error, the effect is not run, and it can be forgotten', async (_, write) => {
    const client = clientOf(portOf(url))
    const prefix = `rubbish-${Math.random().toString(36).slice(2)}`
    const store = storeOn(client, { prefix })
    const request = claimOf('order:1')
    const [command, ...args] = write(`${prefix}:{${request.id}}`)
    await client.call(command as string, args as string[])
    const once = onlyonce({ store, scope: 's' })
    let ran = false
    const effect = () => {
      ran = true
    }
    const other = claimOf('order:2')
    const named = { code: 'OUTCOME_UNKNOWN', message: expect.stringContaining(`${prefix}:{${request.id}}`) }
    await expect(once('order:1', effect)).rejects.toMatchObject(named)
    for (const asked of [store.find([other.id, request.id]), store.claim([request, other]), store.list({ limit: 9 })])
      await expect(asked).rejects.toMatchObject(named)
    expect(ran).toBe(false)
    // Others in the same batch go on.
    const both = await Promise.allSettled([once('order:1', effect), once('order:2', () => 2)])
    expect(both.map(({ status }) => status)).toEqual(['rejected', 'fulfilled'])
    expect(await store.forget([request.id])).toBe(1)
    await once('order:1', effect)
    expect(ran).toBe(true)
  })

  it('a client that answers text, as node-redis 4 does, is told to be too old, and asked once', async () => {
    const { client, close } = await openClient('node-redis', url)
    later(close)
    const { sendCommand } = client as NodeRedisClient
    const asked: unknown[] = []
    const old = {
      duplicate: () => expect.fail('nobody waits'),
      sendCommand: (words: Word[]) => {
        asked.push(words[0])
        return sendCommand.call(client, words)
      },
    }
    const once = onlyonce({ store: storeOn(old), scope: 's' })
    await expect(once('k', () => 1)).rejects.toMatchObject(unavailable(/answered string.*node-redis.*5/))
    expect(asked.filter((command) => command === 'EVALSHA')).toHaveLength(1)
  })

  it.each(['', 'a{b', 'a}b', 'a*', 'a b', 'a\n', '-x', 'é', 'x'.repeat(65), 7 as never])('the prefix %j', (prefix) => {
    const client = clientOf(portOf(url))
    expect(() => redisStore({ client, prefix })).toThrow('option `prefix`')
  })

  it('options that are none, cannot be, or do not go together', () => {
    const client = clientOf(portOf(url))
    const invalid = (options: object) => expect(() => redisStore({ client, ...options } as never))
    invalid({ retention: 1 }).toThrow('`retention` is not an option')
    invalid({ client: { password: 'hunter2' } }).toThrow('must be a client of')
    invalid({ client: { password: 'hunter2' } }).not.toThrow(/hunter2/)
    invalid({ client: clientOf(portOf(url), { keyPrefix: 'mine:' }) }).toThrow('keyPrefix')
    invalid({ durability: { waitReplicas: 0 } }).toThrow('durability.waitReplicas')
    invalid({ durability: { waitReplicas: 1, wait: 1 } }).toThrow('durability.wait')
    invalid({ commandTimeoutMs: 0 }).toThrow('commandTimeoutMs')
  })
})
