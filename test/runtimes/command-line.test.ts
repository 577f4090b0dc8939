import { execFile, spawn } from 'node:child_process'
import { once as event } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { promisify } from 'node:util'
import { beforeAll, expect, it, onTestFinished } from 'vitest'
import { requireBuild, root } from '../built.ts'
import { tempFile } from '../integration/sqlite-helpers.ts'
import { describeOn, ENV, STARTED } from './programs.ts'

beforeAll(requireBuild)

const killed = join(import.meta.dirname, 'killed.ts')
const main = join(root, 'dist/cli/main.js')

for (const runtime of ['bun', 'deno'] as const) {
  describeOn(runtime, (binary) => {
    const run = async (...args: string[]) => {
      const { stdout } = await promisify(execFile)(binary, [...STARTED[runtime], ...args], { cwd: root, env: ENV })
      return stdout
    }

    it('takes over from a process that was killed in its effect, and the command line shows what is left', async () => {
      const file = tempFile()
      const list = () => run(main, 'keys', 'ls', '--json', '--store', `sqlite:${file}`)
      await expect(run(killed, file, 'crash')).rejects.toMatchObject({ signal: 'SIGKILL' })
      expect(JSON.parse(await list())).toMatchObject({ key: 'order:1100', attempt: 1 })
      for (const _ of [1, 2]) expect(JSON.parse(await run(killed, file))).toBe(2)
      expect(JSON.parse(await list())).toMatchObject({ key: 'order:1100', state: 'done', attempt: 2 })
    })

    it('says that a store is well', async () => {
      const file = tempFile()
      expect(await run(main, 'migrate', '--json', '--store', `sqlite:${file}`)).toContain('1')
      expect(await run(main, 'doctor', '--store', `sqlite:${file}`)).toContain('ok      schema')
      expect(await run(main, 'sweep', '--store', `sqlite:${file}`)).toBe('removed 0 records past retention\n')
    })

    it('guards a service by the proxy, which ends only after what is under way', async () => {
      let answer = () => {}
      const service = createServer((_, res) => {
        answer = () => res.end('charged')
        service.emit('asked')
      }).listen(0, '127.0.0.1')
      onTestFinished(() => void service.close())
      await event(service, 'listening')
      const upstream = `http://127.0.0.1:${(service.address() as AddressInfo).port}`
      const flags = ['--listen', '0', '--scope-public', '--store', `sqlite:${tempFile()}`]
      const args = [...STARTED[runtime], main, 'proxy', '--upstream', upstream, ...flags]
      const proxy = spawn(binary, args, { cwd: root, env: ENV, stdio: ['ignore', 'ignore', 'pipe'] })
      onTestFinished(() => void proxy.kill('SIGKILL'))
      const said = createInterface(proxy.stderr)[Symbol.asyncIterator]()
      const url = (await said.next()).value?.split(' at ')[1] ?? ''

      const asked = event(service, 'asked')
      const first = fetch(url, { method: 'POST', headers: { 'idempotency-key': 'k' } })
      await asked
      const exited = event(proxy, 'exit')
      proxy.kill('SIGTERM')
      expect((await said.next()).value).toMatch(/^Shutting down/)
      answer()
      expect(await (await first).text()).toBe('charged')
      expect(await exited).toEqual([0, null])
    })
  })
}
