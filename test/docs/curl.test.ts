import { execFile, spawn, spawnSync } from 'node:child_process'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { requireBuild, root } from '../built.ts'
import { readPages } from './pages.ts'

const run = promisify(execFile)
const readme = readPages().find(({ path }) => path === 'README.md')
const server = readme?.blocks.find(({ code }) => code.includes('createServer') && code.includes('listen(3000)'))
const shell = readme?.blocks.find(({ code }) => code.startsWith('node server.mjs'))
const curlIsHere = spawnSync('curl', ['--version']).status === 0

/** The README's proof, on a port of its own. */
describe('a request sent twice, in the README', () => {
  if (!curlIsHere && process.env.CI !== 'true') {
    it.skip('(skipped: there is no curl on this machine)', () => {})
    return
  }
  let child: ReturnType<typeof spawn> | undefined
  let port = ''
  beforeAll(async () => {
    requireBuild()
    const code = `${server?.code}`.replace(
      '.listen(3000)',
      '.listen(0, function () { console.log(this.address().port) })',
    )
    // In the package itself, which may refer to itself by its name.
    child = spawn(process.execPath, ['--input-type=module', '--eval', code], {
      cwd: root,
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    port = await new Promise<string>((resolve) => child?.stdout?.once('data', (bytes) => resolve(String(bytes).trim())))
  })
  afterAll(() => void child?.kill())

  it('answers what its comments say', async () => {
    const lines = `${shell?.code}`.split('\n').filter((line) => line.startsWith('curl'))
    expect(lines).toHaveLength(4)
    for (const line of lines) {
      const [command = '', promised = ''] = line.split('   # ')
      const { stdout } = await run('sh', ['-c', command.replace('localhost:3000', `127.0.0.1:${port}`)])
      const [head = '', body = ''] = stdout.split('\r\n\r\n')
      if (promised.startsWith('422')) expect(head).toContain('422')
      else expect(body.trim()).toBe(promised.split(',')[0])
      expect(/idempotency-replayed: true/i.test(head)).toBe(promised.includes('Replayed'))
    }
  })
})
