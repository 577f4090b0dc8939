import { describe, it } from 'vitest'
import { storeConformance } from '../../src/testing/index.ts'
import { asOfMysql } from '../support/mysql.ts'
import { openMysql } from '../support/opened.ts'
import { describeWith } from '../support/services.ts'

const COUNTS_CHANGES = { flags: ['-FOUND_ROWS'], supportBigNumbers: true, bigNumberStrings: true, charset: 'latin1' }

describeWith('mysql', (url) => {
  const suite = (name: string, pooling?: Parameters<typeof openMysql>[1]) =>
    storeConformance(name, { open: () => openMysql(url, pooling) }, { describe, it })

  suite('mysql')
  suite('mysql, on a pool that counts only what changes and reads numbers as text', COUNTS_CHANGES)
  suite('mysql, on a server without compound statements', { lend: asOfMysql })
})
