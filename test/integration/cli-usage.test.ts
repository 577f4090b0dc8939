import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { claim, cli, ESC, home, store, url } from './cli-kit.ts'

describe('usage', () => {
  it.each([
    [['kyes'], '(Did you mean keys?)'],
    [['keys', 'gte'], '(Did you mean get?)'],
    [['keys', 'ls', '--sate', 'done'], '(Did you mean --state?)'],
    [['keys', 'ls', '--state', 'lost'], 'idle, running, done, abandoned, unknown'],
    [['keys', 'ls', '--limit', '0'], 'whole number above 0'],
    [['keys', 'ls', '--limit', '1e3'], 'whole number above 0'],
    [['keys', 'ls', '--limit'], 'argument missing'],
    [['sweep', '--limit', '0'], 'whole number above 0'],
    [['sweep', '--limit', '-1'], 'whole number above 0'],
    [['sweep', '--limit', '9007199254740992'], 'whole number above 0'],
    [['sweep', '--limit', 'all'], 'whole number above 0'],
    [['keys', 'ls', '--after', 'garbage'], 'the 32 hexadecimal digits'],
    [['keys', 'ls', '--after', 'f'.repeat(31)], 'the 32 hexadecimal digits'],
    [['keys', 'ls', '--after', ''], 'the 32 hexadecimal digits'],
    [['keys', 'get', 'a', 'b'], 'too many arguments'],
    [['keys', 'get'], 'give KEY with --scope S, or --id ID'],
    [['keys', 'get', 'a'], 'needs its scope'],
    [['keys', 'get', 'a', '--scope', ''], 'needs its scope'],
    [['keys', 'get', 'a', '--scope', 's', '--id', 'f'.repeat(32)], 'not both'],
    [['keys', 'get', '--id', "'; DROP TABLE"], '32 hexadecimal digits'],
    [['keys', 'resolve', 'a', '--scope', 's', '--yes'], 'either --happened or --did-not-happen'],
    [['keys', 'resolve', 'a', '--scope', 's', '--yes', '--happened', '--did-not-happen'], 'either --happened'],
    [['keys', 'resolve', 'a', '--scope', 's', '--yes', '--happened', '--value', '{paid}'], 'the value must be JSON'],
    [['keys', 'resolve', 'a', '--scope', 's', '--yes', '--did-not-happen', '--value', '1'], 'belongs to --happened'],
    [['keys', 'resolve', 'a', '--scope', 's', '--yes', '--happened', '--retention-ms', '-1'], 'whole number'],
    [['migrate', 'prnt'], "unknown command 'migrate prnt': did you mean `migrate print`?"],
    [['migrate', 'print', 'x'], 'too many arguments'],
    [['keys'], 'Usage: onlyonce keys'],
    [[], 'Usage: onlyonce'],
    [['completion', 'tcsh'], 'bash, zsh, fish'],
    [['doctor', '--store', 'mongodb://x'], 'cannot be opened'],
    [['doctor', '--store', 'nonsense'], 'cannot be opened'],
    [['doctor', '--store', 'sqlite:'], 'path'],
    [['--colour\u001b[31m'], 'unknown option'],
    [['--json', 'demo'], 'come behind its name'],
    [['--json', 'demo', '--orders', '10'], 'come behind its name'],
    [['--store', 'sqlite:orders.db', 'demo', '--help'], 'come behind its name'],
  ])('%j exits with 2 and says why', async (argv, message) => {
    const said = await cli(argv, { env: argv.includes('--store') ? {} : { ONLYONCE_STORE: url } })
    expect(said.err).toContain(message)
    expect(said).toMatchObject({ code: 2, out: '' })
    expect(said.err).not.toContain(ESC)
  })

  it('names flag and variable when there is no store', async () => {
    for (const argv of [['keys', 'ls'], ['keys', 'get', 'a', '--scope', 's'], ['sweep'], ['migrate'], ['doctor']]) {
      const said = await cli(argv, { env: { ONLYONCE_STORE: ' ' } })
      expect(said.code).toBe(2)
      expect(said.err).toMatch(/--store.*ONLYONCE_STORE/)
    }
  })

  it('says that a memory store cannot be looked into', async () => {
    const said = await cli(['keys', 'ls'], { env: { ONLYONCE_STORE: 'memory:' } })
    expect(said).toMatchObject({ code: 2 })
    expect(said.err).toContain('lives inside the process')
  })

  it('takes the flag before the variable, in any place', async () => {
    await claim('a')
    const env = { ONLYONCE_STORE: 'sqlite:/nowhere/x.db' }
    expect((await cli(['keys', 'ls', '--store', url], { env })).code).toBe(0)
    expect((await cli(['--store', url, 'keys', 'ls'], { env })).code).toBe(0)
    expect((await cli(['keys', 'ls'], { env })).code).toBe(3)
  })

  it('has help with examples, and a version', async () => {
    const help = await cli(['--help'])
    expect(help).toMatchObject({ code: 0, err: '' })
    expect(help.out).toMatch(/Examples:[\s\S]*onlyonce doctor[\s\S]*Exit codes: 0 ok/)
    expect((await cli(['keys', 'forget', '--help'])).out).toContain('--store')
    expect((await cli(['proxy', '--help'])).out).toMatch(/--admin-listen.*\/policy/)
    expect((await cli(['--version'])).out).toMatch(/^\d+\.\d+\.\d+\n$/)
  })
})

describe('a store that cannot be used exits with 3', () => {
  const keysLs = (target: string) => cli(['keys', 'ls', '--store', target])

  it('no file: nothing is created, and the command that creates it is named', async () => {
    const missing = join(home, 'missing.db')
    for (const argv of [['keys', 'ls'], ['sweep'], ['keys', 'forget', 'a', '--scope', 's', '--yes']]) {
      const said = await cli([...argv, '--store', `sqlite:${missing}`])
      expect(said).toMatchObject({ code: 3, out: '' })
      expect(said.err).toContain(`there is no file ${missing}: check the path`)
      expect(said.err).toContain(`or, to create it, run \`npx onlyonce migrate --store sqlite:${missing}\``)
    }
    const doctor = await cli(['doctor', '--store', `sqlite:${missing}`])
    expect(doctor.code).toBe(1)
    expect(doctor.out).toContain(`there is no file ${missing}: check the path`)
    expect(doctor.out).toContain('onlyonce migrate')
    expect(existsSync(missing)).toBe(false)
  })

  it('not a database', async () => {
    const text = join(home, 'text.db')
    writeFileSync(text, 'hello, this is not a database at all\n'.repeat(100))
    for (const argv of [['keys', 'ls'], ['doctor'], ['migrate']]) {
      const said = await cli([...argv, '--store', `sqlite:${text}`])
      expect(said).toMatchObject({ code: 3, out: '' })
      expect(said.err).toContain('not an SQLite database')
    }
  })

  it('a directory, and a directory that is not there', async () => {
    mkdirSync(join(home, 'folder'), { recursive: true })
    for (const place of ['folder', 'no/such/dir/x.db']) {
      const said = await cli(['migrate', '--store', `sqlite:${join(home, place)}`])
      expect(said).toMatchObject({ code: 3, out: '' })
    }
  })

  it('a schema from the future', async () => {
    await store.transaction(async (tx) => tx.exec("UPDATE onlyonce_meta SET number = 99 WHERE name = 'schema_version'"))
    const said = await keysLs(url)
    expect(said.code).toBe(3)
    expect(said.err).toMatch(/99.*upgrade onlyonce/)
    expect((await cli(['migrate', '--store', url])).code).toBe(3)
    const doctor = await cli(['doctor', '--store', url])
    expect(doctor.code).toBe(1)
    expect(doctor.out).toContain('npm install onlyonce@latest')
  })
})
