import { spawn, spawnSync } from 'node:child_process'
import { existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { describe, expect, it } from 'vitest'
import { demo } from '../../src/cli/demo.ts'
import type { Io } from '../../src/cli/io.ts'
import { operationId } from '../../src/core/key.ts'
import { root } from '../built.ts'
import { claim, cli, home, store, url } from './cli-kit.ts'

describe('demo', () => {
  const io: Io = {
    stdout: { write: () => {} },
    stderr: { write: () => {} },
    env: {},
    isTTY: { stdin: false, stdout: false, stderr: false },
    ask: async () => '',
  }

  it('gets every argument, --help and --json too', async () => {
    const entry = join(home, 'demo.mjs')
    writeFileSync(entry, 'export const main = async (argv) => (argv.join(" ") === "--help --json x" ? 7 : 99)\n')
    expect(await demo(['--help', '--json', 'x'], io, pathToFileURL(entry))).toBe(7)
  })

  it('says how to build it when it is not there', async () => {
    const said = await cli(['demo', '--help'])
    expect(said.code).toBe(1)
    expect(said.err).toContain('npm run build')
  })
})

const binary = process.env.ONLYONCE_CLI ?? join(root, 'dist/cli/main.js')

describe.skipIf(!existsSync(binary))('the built command', () => {
  const built = (...argv: string[]) =>
    spawnSync(process.execPath, [binary, ...argv], {
      encoding: 'utf8',
      env: { ...process.env, ONLYONCE_STORE: url, FORCE_COLOR: undefined },
      input: '',
    })

  it('runs', async () => {
    await claim('a')
    const ran = built('keys', 'ls', '--json')
    expect(ran).toMatchObject({ status: 0, stderr: '' })
    expect(JSON.parse(ran.stdout)).toMatchObject({ key: 'a' })
    expect(built('--version').stdout).toMatch(/^\d+\.\d+\.\d+\n$/)
    expect(built('keys', 'forget', 'a', '--scope', 'payments').status).toBe(2)
    expect(built('nonsense').status).toBe(2)
    expect(built('keys', 'ls', '--store', 'sqlite:/nowhere/x.db').status).toBe(3)
  })

  it('does not mind a reader that leaves early', async () => {
    for (let n = 0; n < 1_500; n += 500) {
      await store.claim(
        Array.from({ length: 500 }, (_, at) => {
          const key = `${'k'.repeat(200)}${n + at}`
          return {
            id: operationId('s', key),
            scope: 's',
            key,
            fingerprint: '',
            owner: 'o',
            leaseMs: 60_000,
            retentionMs: 60_000,
          }
        }),
      )
    }
    const ran = spawnSync(
      'bash',
      [
        '-c',
        `"${process.execPath}" "${binary}" keys ls --json --limit 100000 | head -1 >/dev/null; echo "\${PIPESTATUS[0]}"`,
      ],
      { encoding: 'utf8', env: { ...process.env, ONLYONCE_STORE: url } },
    )
    expect(ran).toMatchObject({ stdout: '0\n', stderr: '' })
  })

  it('ends with 130 on Ctrl-C', async () => {
    const codes: (number | null)[] = []
    // The sweep waits for the write lock all the while. A slow machine may not have started it in the first round.
    await store.transaction(async () => {
      for (const patience of [700, 2_000, 6_000]) {
        const child = spawn(process.execPath, [binary, 'sweep', '--store', `${url}?busyTimeoutMs=60000`], {
          stdio: 'ignore',
        })
        const ended = new Promise<number | null>((resolve) => child.on('exit', resolve))
        await new Promise((wake) => setTimeout(wake, patience))
        child.kill('SIGINT')
        codes.push(await ended)
        if (codes.at(-1) !== null) break
      }
    })
    expect(codes.at(-1)).toBe(130)
  })

  it('serves the dashboard until it is told to end, and says where a port is taken', async () => {
    const child = spawn(process.execPath, [binary, 'dashboard', '--listen', '0', '--store', url])
    const ended = new Promise<number | null>((resolve) => child.on('exit', resolve))
    const address = await new Promise<string>((resolve) =>
      child.stdout.once('data', (text) => resolve(`${text}`.trim())),
    )
    expect((await fetch(address, { redirect: 'manual' })).status).toBe(303)
    const { port } = new URL(address)
    expect(built('dashboard', '--listen', port)).toMatchObject({
      status: 2,
      stderr: expect.stringContaining(`port ${port} is taken`),
    })
    child.kill('SIGTERM')
    expect(await ended).toBe(0)
  })
})
