import { spawnSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { cli, home } from './cli-kit.ts'

describe('completion', () => {
  const typed = (line: string) =>
    `${line
      .split(' ')
      .map((word) => `'${word}'`)
      .join(' ')}`

  it.each([
    ['onlyonce ', ['keys', 'doctor', 'sweep', 'migrate', 'demo', 'completion', '--store']],
    ['onlyonce keys ', ['ls', 'get', 'release', 'forget', 'resolve', '--json']],
    ['onlyonce keys resolve --did', ['--did-not-happen']],
    ['onlyonce keys ls --state ab', ['abandoned']],
    ['onlyonce --store sqlite:x keys re', ['release', 'resolve']],
    ['onlyonce completion z', ['zsh']],
  ])('bash completes %j', async (line, expected) => {
    const { out } = await cli(['completion', 'bash'])
    const words = line.split(' ')
    const ran = spawnSync(
      'bash',
      [
        '-c',
        `${out}\nCOMP_WORDS=(${typed(line)}); COMP_CWORD=${words.length - 1}; _onlyonce; printf '%s\\n' "\${COMPREPLY[@]}"`,
      ],
      { encoding: 'utf8' },
    )
    expect(ran.stderr).toBe('')
    const found = ran.stdout.trim().split('\n')
    if (line.endsWith(' ')) expect(found).toEqual(expect.arrayContaining(expected))
    else expect(found).toEqual(expected)
  })

  it.skipIf(spawnSync('fish', ['--version']).error)('fish completes, options with values included', async () => {
    const script = join(home, 'run.fish')
    writeFileSync(script, (await cli(['completion', 'fish'])).out)
    const ask = (line: string) => {
      const ran = spawnSync('fish', ['-c', `source ${script}; complete -C '${line}'`], { encoding: 'utf8' })
      expect(ran.stderr).toBe('')
      return ran.stdout
        .trimEnd()
        .split('\n')
        .map((text) => text.split('\t')[0])
    }
    expect(ask('onlyonce keys re')).toEqual(['release', 'resolve'])
    expect(ask('onlyonce keys ls --state ab')).toEqual(['abandoned'])
    expect(ask('onlyonce --store sqlite:x keys resolve --did')).toEqual(['--did-not-happen'])
  })

  it.each(['zsh', 'fish'])('is a script that %s accepts, where there is one', async (shell) => {
    const { out, code } = await cli(['completion', shell])
    expect(code).toBe(0)
    expect(out).toContain('did-not-happen')
    const script = join(home, `completion.${shell}`)
    writeFileSync(script, out)
    const ran = spawnSync(shell, ['-n', script], { encoding: 'utf8' })
    if (ran.error === undefined) expect(ran).toMatchObject({ status: 0, stderr: '' })
  })
})
