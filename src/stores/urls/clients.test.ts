import { expect, it } from 'vitest'
import { firstInstalled } from './clients.ts'

it('says which package to install, by its own name', async () => {
  await expect(firstInstalled('mysql:', ['not-installed/promise', 'nor-this'])).rejects.toMatchObject({
    code: 'STORE_UNAVAILABLE',
    message: 'a mysql: URL needs a client: run `npm install not-installed` beside onlyonce',
  })
})
