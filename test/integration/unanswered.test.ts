import mysql from 'mysql2/promise'
import pg from 'pg'
import { expect, it } from 'vitest'
import { onlyonce } from '../../src/index.ts'
import { later } from '../support/leftovers.ts'
import * as mysqlSupport from '../support/mysql.ts'
import * as postgresSupport from '../support/postgres.ts'
import { createProxy, type FaultProxy } from '../support/proxy.ts'
import { codeOf } from '../support/rejections.ts'
import { describeWith } from '../support/services.ts'

const databases = {
  async postgres(url: string) {
    const database = await postgresSupport.testDatabase(url)
    later(() => database.close())
    return {
      url,
      direct: database.store(),
      through(there: string) {
        const pool = new pg.Pool({ connectionString: there, max: 1 })
        later(() => pool.end())
        return database.store({ pool })
      },
    }
  },
  async mysql(url: string) {
    const database = await mysqlSupport.testDatabase(url)
    later(() => database.close())
    return {
      url: database.url,
      direct: database.store(),
      through(there: string) {
        const pool = mysql.createPool({ uri: there, connectionLimit: 1 })
        later(() => pool.end())
        return database.store({ pool })
      },
    }
  },
}

for (const kind of ['postgres', 'mysql'] as const) {
  describeWith(kind, (server) => {
    /** Two engines on one schema: `once` is behind a proxy. */
    async function apart() {
      const { url, direct, through } = await databases[kind](server)
      const proxy = await createProxy(Number(new URL(url).port))
      later(() => proxy.close())
      const there = new URL(url)
      there.port = String(proxy.port)
      const other = onlyonce({ store: direct, scope: 'test' })
      return { proxy, other, once: onlyonce({ store: through(there.href), scope: 'test' }) }
    }

    /** Drops the next answer. Resolves when it was on its way. */
    function nextAnswerLost(proxy: FaultProxy): Promise<void> {
      return new Promise((resolve) => {
        proxy.onReply = () => {
          resolve()
          return 'drop'
        }
      })
    }

    function heal(proxy: FaultProxy): void {
      proxy.cut()
      proxy.onReply = undefined
      proxy.resume()
    }

    it('a forget whose answer was lost is not sent again: it would remove what ran since', async () => {
      const { proxy, other, once } = await apart()
      await other('key', () => 'first')
      // From now on its statement is prepared: the next answer is that of the forget.
      expect(await once.forget('another')).toBe(false)
      const unanswered = nextAnswerLost(proxy)
      const forgetting = codeOf(once.forget('key'))
      await unanswered
      expect(await other('key', () => 'second')).toBe('second')
      heal(proxy)
      expect(await forgetting).toBe('STORE_UNAVAILABLE')
      expect(await other('key', () => 'third')).toBe('second')
      expect(await once.forget('key')).toBe(true)
    })

    it('a lock is not said to be lost where the answer to its release was, and somebody else has it by now', async () => {
      const { proxy, other, once } = await apart()
      // From now on the statements are prepared: the next answer after the effect is that of the release.
      await once.exclusive('another', () => {})
      let held: Promise<unknown> = Promise.resolve()
      const unanswered = new Promise<void>((resolve) => {
        held = once.exclusive('key', () => {
          void nextAnswerLost(proxy).then(resolve)
          return 'ran'
        })
      })
      await unanswered
      let end = () => {}
      const ending = new Promise<void>((resolve) => {
        end = resolve
      })
      const next = other.exclusive('key', async () => {
        heal(proxy)
        await ending
        return 'ran next'
      })
      expect(await codeOf(held)).toBe('resolved with "ran"')
      end()
      expect(await next).toBe('ran next')
    })

    it('a forget on a connection that was lost while idle is sent on another one', async () => {
      const { proxy, other, once } = await apart()
      await other('key', () => 'first')
      await once.find('key')
      proxy.cut()
      proxy.resume()
      await new Promise((resolve) => setTimeout(resolve, 20))
      expect(await once.forget('key')).toBe(true)
    })
  })
}
