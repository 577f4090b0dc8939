import mysql from 'mysql2/promise'
import pg from 'pg'
import { expect, it } from 'vitest'
import { onlyonce } from '../../src/index.ts'
import { later } from '../support/leftovers.ts'
import * as mysqlSupport from '../support/mysql.ts'
import * as postgresSupport from '../support/postgres.ts'
import { createProxy } from '../support/proxy.ts'
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
    it('a forget whose answer was lost is not sent again: it would remove what ran since', async () => {
      const { url, direct, through } = await databases[kind](server)
      const proxy = await createProxy(Number(new URL(url).port))
      later(() => proxy.close())
      const there = new URL(url)
      there.port = String(proxy.port)
      const other = onlyonce({ store: direct, scope: 'test' })
      await other('key', () => 'first')
      const once = onlyonce({ store: through(there.href), scope: 'test' })
      // From now on its statement is prepared: the next answer is that of the forget.
      expect(await once.forget('another')).toBe(false)
      const unanswered = new Promise<void>((resolve) => {
        proxy.onReply = () => {
          resolve()
          return 'drop'
        }
      })
      const forgetting = codeOf(once.forget('key'))
      await unanswered
      expect(await other('key', () => 'second')).toBe('second')
      proxy.cut()
      proxy.onReply = undefined
      proxy.resume()
      expect(await forgetting).toBe('STORE_UNAVAILABLE')
      expect(await other('key', () => 'third')).toBe('second')
      expect(await once.forget('key')).toBe(true)
    })

    it('a lock is not said to be lost where the answer to its release was, and somebody else has it by now', async () => {
      const { url, direct, through } = await databases[kind](server)
      const proxy = await createProxy(Number(new URL(url).port))
      later(() => proxy.close())
      const there = new URL(url)
      there.port = String(proxy.port)
      const once = onlyonce({ store: through(there.href), scope: 'test' })
      // From now on the statements are prepared: the next answer after the effect is that of the release.
      await once.exclusive('another', () => {})
      let answer = () => {}
      const unanswered = new Promise<void>((resolve) => {
        answer = resolve
      })
      const held = once.exclusive('key', () => {
        proxy.onReply = () => {
          answer()
          return 'drop'
        }
        return 'ran'
      })
      await unanswered
      let end = () => {}
      const ending = new Promise<void>((resolve) => {
        end = resolve
      })
      const next = onlyonce({ store: direct, scope: 'test' }).exclusive('key', async () => {
        proxy.cut()
        proxy.onReply = undefined
        proxy.resume()
        await ending
        return 'ran next'
      })
      expect(await codeOf(held)).toBe('resolved with "ran"')
      end()
      expect(await next).toBe('ran next')
    })

    it('a forget on a connection that was lost while idle is sent on another one', async () => {
      const { url, direct, through } = await databases[kind](server)
      const proxy = await createProxy(Number(new URL(url).port))
      later(() => proxy.close())
      const there = new URL(url)
      there.port = String(proxy.port)
      const once = onlyonce({ store: through(there.href), scope: 'test' })
      await onlyonce({ store: direct, scope: 'test' })('key', () => 'first')
      await once.find('key')
      proxy.cut()
      proxy.resume()
      await new Promise((resolve) => setTimeout(resolve, 20))
      expect(await once.forget('key')).toBe(true)
    })
  })
}
