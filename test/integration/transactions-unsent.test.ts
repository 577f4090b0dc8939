import { expect, it } from 'vitest'
import { later } from '../support/leftovers.ts'
import { testDatabase as mysqlDatabase } from '../support/mysql.ts'
import { testDatabase as postgresDatabase } from '../support/postgres.ts'
import { codeOf } from '../support/rejections.ts'
import { describeWith } from '../support/services.ts'

/** What an effect has asked for, and has not waited for, when it throws. What no rollback undoes tells whether it was sent. */
const failed = new Error('effect')

describeWith('mysql', (url) => {
  it('what waits behind a statement when its transaction is undone is not sent', async () => {
    const database = await mysqlDatabase(url)
    later(() => database.close())
    await database.sql('CREATE TABLE sent (name VARCHAR(60)) ENGINE = MyISAM')
    const store = database.store()
    let given: Promise<unknown>[] = []
    const work = store.transaction(async (tx) => {
      const insert = (name: string) => tx.query(`INSERT INTO sent VALUES ('${name}')`)
      given = [tx.query('SELECT 1').then(() => 'answered'), codeOf(insert('one')), codeOf(insert('two'))]
      throw failed
    })
    await expect(work).rejects.toBe(failed)
    expect(await Promise.all(given)).toEqual(['answered', 'CLOSED', 'CLOSED'])
    expect(await database.sql('SELECT name FROM sent')).toEqual([])
  })
})

describeWith('postgres', (url) => {
  it('what waits for the beginning of a transaction when that is undone is not sent', async () => {
    const database = await postgresDatabase(url)
    later(() => database.close())
    const sent = `"${database.schema}".sent`
    await database.sql(`CREATE SEQUENCE ${sent}`)
    const store = database.store()
    let given: Promise<unknown>[] = []
    const work = store.transaction(async (tx) => {
      const next = () => codeOf(tx.query(`SELECT nextval('${sent}')`))
      given = [next(), next()]
      throw failed
    })
    await expect(work).rejects.toBe(failed)
    expect(await Promise.all(given)).toEqual(['CLOSED', 'CLOSED'])
    expect(await database.sql(`SELECT is_called FROM ${sent}`)).toEqual([{ is_called: false }])
  })
})
