/** Where the region's files and its database are: elsewhere, once it was restored. */
export class Place {
  databaseUrl: string;
  original = '';
  now: string | undefined;

  constructor(databaseUrl: string) {
    this.databaseUrl = databaseUrl;
  }

  /** With every path below the lost directory as one below the new. */
  moved<C extends object>(config: C): C {
    if (this.now === undefined) return config;
    return JSON.parse(JSON.stringify(config).replaceAll(this.original, this.now)) as C;
  }
}
