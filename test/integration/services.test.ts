import { spawn, spawnSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { root } from '../built.ts'
import { createProxy } from '../support/proxy.ts'
import { describeWith, describeWithFresh, serviceUrl } from '../support/services.ts'

/** The raw answer to an inline Redis command, or the error. */
function say(port: number, line: string): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect({ port, host: '127.0.0.1' }, () => socket.write(`${line}\r\n`))
    const end = (answer: string) => {
      socket.destroy()
      resolve(answer)
    }
    socket.setTimeout(1_000, () => end('silence'))
    socket.on('data', (chunk) => end(chunk.toString().trim()))
    socket.on('error', (error) => end((error as NodeJS.ErrnoException).code ?? 'error'))
    socket.on('close', () => end('closed'))
  })
}

const until = async (condition: () => boolean | Promise<boolean>) => {
  for (const end = Date.now() + 10_000; !(await condition()) && Date.now() < end; )
    await new Promise((r) => setTimeout(r, 20))
}

describeWith('redis', (url) => {
  it('is one server for the whole run', async () => {
    expect(await serviceUrl('redis')).toBe(url)
    expect(await say(Number(new URL(url).port), 'PING')).toBe('+PONG')
  })
})

describeWithFresh('redis-aof', (start) => {
  it('keeps port and data across every kind of restart, and leaves nothing when it is stopped', async () => {
    const { processes, dir, restart, stop } = await start()
    const [server] = processes
    if (server === undefined) throw new Error('no process')
    expect(await say(server.port, 'SET a 1')).toBe('+OK')
    const first = server.pid
    await restart('immediate')
    expect(server.pid).not.toBe(first)
    await server.kill('SIGKILL')
    expect(await say(server.port, 'GET a')).toBe('ECONNREFUSED')
    await server.restart('fast')
    server.pause()
    expect(await say(server.port, 'GET a')).toBe('silence')
    server.resume()
    expect(await say(server.port, 'GET a')).toBe('$1\r\n1')
    await stop()
    expect(existsSync(dir)).toBe(false)
    expect(await say(server.port, 'GET a')).toBe('ECONNREFUSED')
  })

  it('ends with its owner, also when that is killed', async () => {
    const launcher = JSON.stringify(join(root, 'services/launch.mjs'))
    const script = `const { launch } = await import(${launcher})
      const { dir, processes } = await launch('redis')
      console.log(JSON.stringify({ dir, port: processes[0].port }))
      setInterval(() => {}, 1000)`
    const owner = spawn(process.execPath, ['--input-type=module', '--eval', script], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    const told = await new Promise<string>((resolve) => owner.stdout.once('data', (data) => resolve(String(data))))
    const { dir, port } = JSON.parse(told) as { dir: string; port: number }
    expect(await say(port, 'PING')).toBe('+PONG')
    owner.kill('SIGKILL')
    await until(() => !existsSync(dir))
    expect(existsSync(dir)).toBe(false)
    // Killed, it may still be about to close its port.
    await until(async () => (await say(port, 'PING')) === 'ECONNREFUSED')
    expect(await say(port, 'PING')).toBe('ECONNREFUSED')
  })

  it('leaves its log behind when it does not start', async () => {
    const failed = await start({ args: ['--no-such-option', 'yes'] }).catch((error: Error) => error)
    if (!(failed instanceof Error)) throw new Error('it started')
    const [, folder = ''] = /\(all logs: (.+)\)/.exec(failed.message) ?? []
    expect(readFileSync(join(folder, 'redis-aof.log'), 'utf8')).toContain('no-such-option')
  })

  it('is refused with a usage line when the kind does not exist', () => {
    const ran = spawnSync(process.execPath, ['services/index.mjs', 'up', 'oracle'], { cwd: root, encoding: 'utf8' })
    expect(ran.status).toBe(2)
    expect(ran.stderr).toContain('there is no service oracle')
  })
})

describeWith('redis', (url) => {
  it('can be had through a proxy that loses answers, holds them back, or cuts', async () => {
    const proxy = await createProxy(Number(new URL(url).port))
    const key = `proxy:${process.pid}:${Date.now()}`
    expect(await say(proxy.port, `INCR ${key}`)).toBe(':1')
    proxy.dropReplies()
    expect(await say(proxy.port, `INCR ${key}`)).toBe('closed')
    expect(await say(proxy.port, `INCR ${key}`)).toBe(':3')
    expect(proxy.roundTrips).toBe(3)
    proxy.blackhole()
    const held = say(proxy.port, 'PING')
    await until(() => proxy.connections === 1)
    expect(await held).toBe('silence')
    proxy.cut()
    expect(['ECONNRESET', 'closed']).toContain(await say(proxy.port, 'PING'))
    proxy.resume()
    expect(await say(proxy.port, 'PING')).toBe('+PONG')
    await proxy.close()
  })
})
