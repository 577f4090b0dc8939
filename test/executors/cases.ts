import { afterEach, beforeEach, expect, it } from 'vitest'
import { type EngineOptions, OnlyonceError, onlyonce } from '../../src/index.ts'
import { outbox, relay } from '../../src/outbox/outbox.ts'
import { describeWith } from '../support/services.ts'
import type { Library, LibraryTraits } from './library.ts'
import type { Server, World } from './server.ts'

const codeOf = (work: Promise<unknown>) =>
  work.then(
    () => 'resolved',
    (error) => (OnlyonceError.is(error) ? error.code : error),
  )

/** What joining a transaction must mean, whatever library began it, on whatever server. */
export function executorCases<Tx extends object>(
  server: Server<Tx>,
  open: (world: World<Tx>) => Promise<Library<Tx>>,
  { failedStatementIsFatal = false, renamesColumns = false }: LibraryTraits = {},
): void {
  describeWith(server.kind, (url) => {
    let world: World<Tx>
    let library: Library<Tx>

    beforeEach(async () => {
      world = await server.world(url)
      library = await open(world)
      await world.store.migrate()
    })
    afterEach(async () => {
      await library.close()
      await world.close()
    })

    const effects = async () => (await world.keys()).toSorted()
    const onceOf = (options: Pick<EngineOptions, 'onThrow'> = {}) =>
      onlyonce({ store: world.store, scope: 'test', ...options })

    it('the record and the business row commit together', async () => {
      const once = onceOf()
      const value = await library.transaction(({ executor, insert }) =>
        once.atomic(
          'key',
          async () => {
            await insert('key')
            return { receipt: 'π', at: new Date(0) }
          },
          { tx: executor() },
        ),
      )
      expect(value).toEqual({ receipt: 'π', at: new Date(0) })
      expect([await effects(), (await once.find('key'))?.state]).toEqual([['key'], 'done'])
    })

    it('a transaction that is rolled back leaves neither, and the operation runs again', async () => {
      const once = onceOf()
      const undone = library.transaction(async ({ executor, insert }) => {
        await once.atomic('key', async () => void (await insert('key')), { tx: executor() })
        throw new Error('changed my mind')
      })
      await expect(undone).rejects.toThrow('changed my mind')
      expect([await effects(), await once.find('key')]).toEqual([[], undefined])
      await library.transaction(({ executor, insert }) =>
        once.atomic('key', async () => void (await insert('key')), { tx: executor() }),
      )
      expect(await effects()).toEqual(['key'])
    })

    it('a duplicate is answered with the stored value, in the same transaction and in another', async () => {
      const once = onceOf()
      let runs = 0
      const call = () =>
        library.transaction(async ({ executor, insert }) => {
          const effect = async () => {
            await insert(`run ${++runs}`)
            return { bytes: new Uint8Array([0, 39, 92, 255]), n: 9n }
          }
          const first = await once.atomic('key', effect, { tx: executor() })
          return [first, await once.atomic('key', effect, { tx: executor() })]
        })
      const value = { bytes: new Uint8Array([0, 39, 92, 255]), n: 9n }
      expect([await call(), await call()]).toEqual([
        [value, value],
        [value, value],
      ])
      expect([runs, await effects()]).toEqual([1, ['run 1']])
    })

    it('the same key with another payload is refused, and the transaction goes on', async () => {
      const once = onceOf()
      await library.transaction(async ({ executor, insert }) => {
        await once.atomic({ key: 'key', payload: 1 }, async () => void (await insert('first')), { tx: executor() })
      })
      await library.transaction(async ({ executor, insert }) => {
        const again = once.atomic({ key: 'key', payload: 2 }, () => insert('second'), { tx: executor() })
        expect(await codeOf(again)).toBe('KEY_REUSED')
        await insert('went on')
      })
      expect(await effects()).toEqual(['first', 'went on'])
    })

    it('an effect that throws is undone by itself, and the transaction goes on', async () => {
      const once = onceOf()
      await library.transaction(async ({ executor, insert }) => {
        await insert('before')
        const fails = once.atomic(
          'key',
          async () => {
            await insert('inside')
            throw new Error('no stock')
          },
          { tx: executor() },
        )
        await expect(fails).rejects.toThrow('no stock')
        await insert('after')
      })
      expect([await effects(), await once.find('key')]).toEqual([['after', 'before'], undefined])
    })

    it('a statement of the effect that fails undoes the effect, and the transaction goes on', async () => {
      const once = onceOf()
      await library.transaction(async ({ executor, insert }) => {
        await insert('before')
        const fails = once.atomic(
          'key',
          async (tx) => {
            await insert('inside')
            await server.insert(tx, world.place, 'before')
          },
          { tx: executor() },
        )
        // The server's own code, however the library wraps what a driver threw.
        expect(await codeOf(fails)).toMatchObject({ code: server.duplicateCode })
        await insert('after')
      })
      expect([await effects(), await once.find('key')]).toEqual([['after', 'before'], undefined])
    })

    it('what was written is there, also when a statement that was asked at the same time failed', async () => {
      const once = onceOf()
      const write = async (tx: Tx) => {
        await server.insert(tx, world.place, 'before')
        const asked = ['a', 'b', 'before']
        const answers = await Promise.allSettled(asked.map((key) => server.insert(tx, world.place, key)))
        return ['before', ...asked.filter((_, index) => answers[index]?.status === 'fulfilled')].toSorted()
      }
      // Where a failed statement spoils the transaction nothing is left of it.
      const written = await library
        .transaction(({ executor }) => once.atomic('key', write, { tx: executor() }))
        .catch(() => [])
      expect(await effects()).toEqual(written)
    })

    it(`a failed statement of the library itself ${failedStatementIsFatal ? 'ends' : 'does not end'} the transaction`, async () => {
      const once = onceOf()
      const work = library.transaction(async ({ executor, insert }) => {
        await insert('before')
        await expect(once.atomic('key', () => insert('before'), { tx: executor() })).rejects.toThrow()
        await insert('after')
      })
      if (failedStatementIsFatal) await expect(work).rejects.toThrow()
      else await work
      expect(await effects()).toEqual(failedStatementIsFatal ? [] : ['after', 'before'])
    })

    it('an error that is to be remembered commits in place of the effect', async () => {
      const once = onceOf({ onThrow: 'remember' })
      const call = () =>
        library.transaction(({ executor, insert }) => {
          const effect = async () => {
            await insert('inside')
            throw new Error('card refused')
          }
          return codeOf(once.atomic('key', effect, { tx: executor() }))
        })
      expect([await call(), await call()]).toMatchObject([{ message: 'card refused' }, { message: 'card refused' }])
      expect([await effects(), (await once.find('key'))?.state]).toEqual([[], 'done'])
    })

    it('a rival in another transaction waits for the first to commit, and gets its value', async () => {
      const once = onceOf()
      let rival: Promise<unknown> = Promise.resolve()
      await library.transaction(async ({ executor, insert }) => {
        const effect = async () => {
          await insert('key')
          return 'first'
        }
        await once.atomic('key', effect, { tx: executor() })
        rival = library.transaction((other) =>
          once.atomic(
            'key',
            async () => {
              await other.insert('rival')
              return 'rival'
            },
            { tx: other.executor() },
          ),
        )
        // InnoDB shows again what it showed before to whoever looks more often than every 100 ms.
        await expect.poll(() => world.blocked(), { timeout: 10_000, interval: 150 }).toBe(true)
      })
      expect([await rival, await effects()]).toEqual(['first', ['key']])
    })

    it('a rival that has waited long enough is told so, and its transaction goes on', async () => {
      const once = onceOf()
      await library.transaction(async ({ executor, insert }) => {
        await once.atomic('key', async () => void (await insert('key')), { tx: executor() })
        await library.transaction(async (other) => {
          const rival = onlyonce({ store: await world.impatient(other.executor()), scope: 'test' })
          const outcome = await rival.atomic.attempt('key', () => other.insert('rival'), { tx: other.executor() })
          expect(outcome.kind).toBe('in-flight')
          await other.insert('went on')
        })
      })
      expect(await effects()).toEqual(['key', 'went on'])
    })

    it('messages of the outbox are published if the transaction commits, byte for byte', async () => {
      const messages = outbox(world.store)
      const body = new Uint8Array([0, 255, 39, 63, 36, 49])
      const add = (topic: string, fail: boolean) =>
        library.transaction(async ({ executor }) => {
          const headers = { 'what?': '$1' }
          await messages.add(executor(), [
            { topic, body, headers },
            { topic: `${topic} too`, body: { n: 1 }, orderingKey: 'x' },
          ])
          if (fail) throw new Error('undone')
        })
      await add('kept', false)
      await expect(add('lost', true)).rejects.toThrow('undone')
      const seen: unknown[] = []
      const relaying = relay({
        store: world.store,
        publish: async (batch) => {
          seen.push(...batch.map((one) => [one.topic, Buffer.from(one.body), one.headers]))
          return batch.map(() => ({ ok: true as const }))
        },
      })
      relaying.start()
      await relaying.drained()
      await relaying.stop()
      expect(seen).toEqual([
        ['kept', Buffer.from(body), { 'what?': '$1' }],
        ['kept too', Buffer.from('{"n":1}'), {}],
      ])
    })

    it(`a statement is asked as ${server.driver} is asked`, async () => {
      await library.transaction(({ executor }) =>
        server.asksAsItsDriver(executor(), world.place, renamesColumns ? 'snakeCase' : 'snake_case'),
      )
    })

    it('one transaction has one executor, and another has another', async () => {
      await library.transaction(async ({ executor }) => {
        expect(executor()).toBe(executor())
        await library.transaction(async (other) => expect(other.executor()).not.toBe(executor()))
      })
    })

    it('where the transaction is over it says so, and not to ask again', async () => {
      let spent: Tx | undefined
      await library.transaction(async ({ executor, insert }) => {
        spent = executor()
        await insert('key')
      })
      let runs = 0
      const late = onceOf().atomic('key', async () => ++runs, { tx: spent as Tx })
      expect([['CLOSED', 'OPTION_INVALID'].includes(await codeOf(late)), runs]).toEqual([true, 0])
    })

    it('where no transaction is open it says so, and runs nothing', async ({ skip }) => {
      if (library.outside === undefined) return skip('the types of this library do not let it pass')
      const { outside } = library
      let runs = 0
      const work = async () => onceOf().atomic('key', async () => ++runs, { tx: outside() })
      expect([await codeOf(work()), runs]).toEqual(['OPTION_INVALID', 0])
    })
  })
}
