/** What an onlyonce server says with 409 that it will say again, however often it is asked: the `code` of its problem. */
const FOR_GOOD = ['duplicate', 'unrecordable', 'outcome-unknown', 'illegal-transition']
/** Of these the effect took place, and only its answer cannot be had. */
const CARRIED_OUT = ['duplicate', 'unrecordable']
const LONGEST = 16 * 1024
/** What a server calls it ends up in logs. */
const CODE = /^[\w.-]{1,64}$/

/**
 * Whether there is nothing to wait for. A 409 that says nothing of the kind, as those of other servers, is taken for "an
 * earlier attempt is still running": that is what the draft, Stripe and Adyen mean by it, and asking again costs little.
 */
export function isForGood(code: string | undefined): boolean {
  return code !== undefined && FOR_GOOD.includes(code)
}

export function wasCarriedOut(code: string | undefined): boolean {
  return code !== undefined && CARRIED_OUT.includes(code)
}

/**
 * The `code` of a 409 that is a problem document (RFC 9457); `undefined` when it has none, or cannot be read. It is read
 * from a copy, and the bytes are kept for the caller.
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

/** Empty when it is longer than a problem has reason to be. */
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
