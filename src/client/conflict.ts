/** Problem codes of an onlyonce server's 409 that further attempts do not change. */
const FOR_GOOD = ['duplicate', 'unrecordable', 'outcome-unknown', 'illegal-transition']
/** With these the effect took place, but its answer is not available. */
const CARRIED_OUT = ['duplicate', 'unrecordable']
const LONGEST = 16 * 1024
/** Restricted, because a server's code ends up in logs. */
const CODE = /^[\w.-]{1,64}$/

/**
 * Whether a 409 is final. One without such a code, as other servers send it, is taken for "an earlier attempt is still
 * running": the draft, Stripe and Adyen mean that by it, and asking again costs little.
 */
export function isForGood(code: string | undefined): boolean {
  return code !== undefined && FOR_GOOD.includes(code)
}

export function wasCarriedOut(code: string | undefined): boolean {
  return code !== undefined && CARRIED_OUT.includes(code)
}

/**
 * Returns the `code` of a 409 that is a problem document (RFC 9457); `undefined` when it has none, or cannot be read.
 * Reads a clone, so that the caller can still read the body.
 */
export async function conflictCode(response: Response): Promise<string | undefined> {
  const { status, headers } = response
  if (status !== 409 || !/^application\/problem\+json\b/i.test(headers.get('content-type') ?? '')) return undefined
  try {
    const { code } = Object(JSON.parse(await textOf(response.clone())))
    return typeof code === 'string' && CODE.test(code) ? code : undefined
  } catch {
    return undefined
  }
}

/** Returns '' when the text is longer than a problem has reason to be. */
async function textOf(response: Response): Promise<string> {
  const utf8 = new TextDecoder()
  let text = ''
  const reader = response.body?.getReader()
  for (let read = await reader?.read(); read?.done === false; read = await reader?.read()) {
    text += utf8.decode(read.value, { stream: true })
    if (text.length > LONGEST) {
      // Resolves only when the caller's half is cancelled too, so it is not waited for.
      reader?.cancel().catch(() => {})
      return ''
    }
  }
  return text
}
