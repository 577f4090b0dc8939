import mysql from 'mysql2/promise'
import { executorCases } from './cases.ts'
import { onMysql } from './on-mysql.ts'

// The connection passes as it is.
executorCases(onMysql, async ({ url }) => {
  const pool = mysql.createPool({ uri: url })
  return {
    async transaction(work) {
      const connection = await pool.getConnection()
      const insert = (key: string) => connection.execute('INSERT INTO effects VALUES (?)', [key])
      try {
        await connection.beginTransaction()
        const value = await work({ executor: () => connection, insert })
        await connection.commit()
        return value
      } catch (error) {
        await connection.rollback()
        throw error
      } finally {
        connection.release()
      }
    },
    outside: () => pool,
    close: () => pool.end(),
  }
})
