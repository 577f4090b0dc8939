import { emitWarning } from 'node:process'
import type { HttpCall, Omitted } from './call.ts'

const WHY: Record<Omitted, string> = {
  'too-long': 'is longer than maxBodyBytes; a duplicate is told status and headers, without the body',
  'event-stream': 'is an event stream, which never ends; a duplicate is told that its answer cannot be given again',
  'cut-off':
    'stopped when its client left, or was sent on the stream of HTTP/2 itself; a duplicate is told status and headers, without the body',
  'not-redacted': 'could not be redacted; a duplicate is told its status only',
  'not-known': 'is not known; a duplicate is told that its answer cannot be given again',
}

/** The default of `onUnrecordable`: one process warning for each reason, naming the first request. */
export function warnUnrecordable(): (why: Omitted, call: HttpCall) => void {
  const told = new Set<Omitted>()
  return (why, { method, url }) => {
    if (told.has(why)) return
    told.add(why)
    emitWarning(`the answer to ${method} ${JSON.stringify(url.slice(0, 80))} ${WHY[why]}; see onUnrecordable`, {
      type: 'OnlyonceWarning',
      code: `ONLYONCE_${why.toUpperCase().replace('-', '_')}`,
    })
  }
}
