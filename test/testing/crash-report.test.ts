import { describe, expect, it } from 'vitest'
import type { CrashReport } from '../../src/testing/index.ts'
import { explore } from './crash-kit.ts'

const HOSTILE = `<script>alert("1")</script> & 'more'`

function broken(): Promise<CrashReport> {
  return explore(
    async (n, kit) => {
      await kit.outside(`mail ${HOSTILE}`, { text: HOSTILE })
      await kit.sql('INSERT INTO rows (n, at) VALUES (?, ?) ON CONFLICT DO NOTHING', n, HOSTILE)
    },
    { name: `handler ${HOSTILE}` },
  )
}

describe('a report', () => {
  it('names the calls on both sides, with file, line and source, in text', async () => {
    const report = await broken()
    const lines = report.text().split('\n')
    expect(lines[0]).toBe(`crashEverywhere handler ${HOSTILE}: 2 calls, 13 trials, ${report.findings.length} findings`)
    const after = lines.find((line) => line.startsWith('   after '))
    expect(after).toMatch(/^ {3}after {2}test\/testing\/crash-report\.test\.ts:10 {2}await kit\.outside\(/)
    const before = lines.find((line) => line.startsWith('   before ') && line.includes('kit.sql'))
    expect(before).toMatch(/^ {3}before test\/testing\/crash-report\.test\.ts:11 {2}await kit\.sql\(/)
  })

  it('is plain data in JSON', async () => {
    const report = await broken()
    const read = JSON.parse(JSON.stringify(report)) as CrashReport
    expect(Object.keys(read)).toEqual(['name', 'ok', 'points', 'trials', 'leftOut', 'volatile', 'findings'])
    expect(read.findings).toEqual(report.findings)
    const crash = read.findings.find(({ trial }) => trial === 'crash')
    expect(crash?.after?.site).toMatchObject({ file: 'test/testing/crash-report.test.ts', line: 10 })
  })

  it('is one page of HTML in which nothing of the handler is markup', async () => {
    const html = (await broken()).html()
    expect(html).not.toMatch(/<script|<img|<link|https?:|url\(/)
    expect(html).not.toContain(HOSTILE)
    expect(html).toContain('&#60;script&#62;alert(&#34;1&#34;)&#60;/script&#62; &#38; &#39;more&#39;')
    expect(html).toMatch(/crash-report\.test\.ts:10/)
    const opened = [...html.matchAll(/<([a-z]\w*)[^>]*>/g)].map(([, name]) => name).filter((name) => name !== 'meta')
    const closed = [...html.matchAll(/<\/([a-z]\w*)>/g)].map(([, name]) => name)
    expect(opened.toSorted()).toEqual(closed.toSorted())
  })

  it('says that all is well', async () => {
    const report = await explore((n, kit) => kit.sql('INSERT INTO rows (n) VALUES (?) ON CONFLICT DO NOTHING', n))
    expect(report.text()).toMatch(/1 call, 8 trials, 0 findings\nno trial ended differently from a clean run$/)
    expect(report.html()).toContain('No trial ended differently from a clean run')
    expect(() => report.assertClean()).not.toThrow()
  })
})
