/**
 * The cookies of a browser, as far as our tests need them: which site a request comes from decides whether those with
 * SameSite=Strict go along. An origin counts as a site here, so that two servers on loopback are strangers to each other.
 */
export class CookieJar extends Map<string, string> {
  readonly #strict = new Set<string>();

  /** Another browser with the same cookies. */
  copy(): CookieJar {
    const copy = new CookieJar(this);
    for (const name of this.#strict) copy.#strict.add(name);
    return copy;
  }

  /** Keeps what the answer sets, and forgets what it takes back. */
  take(response: Response): void {
    for (const cookie of response.headers.getSetCookie()) {
      const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(cookie) ?? [];
      if (value === '') this.delete(name);
      else this.set(name, value);
      if (/;\s*samesite=strict/i.test(cookie)) this.#strict.add(name);
      else this.#strict.delete(name);
    }
  }

  /** The header of a request; `crossSite`: another site has brought it about. */
  header({ crossSite = false }: { readonly crossSite?: boolean } = {}): string {
    return [...this]
      .filter(([name]) => !(crossSite && this.#strict.has(name)))
      .map(([name, value]) => `${name}=${value}`)
      .join('; ');
  }
}
