/** A store of keys as a few lines of arithmetic: what the real ones are compared with. */
import { isFresh, type ManagedObject } from '../../objects/index.ts';

export type StepKind = 'insert' | 'apply' | 'destroy' | 'serve' | 'announced' | 'refused' | 'changed';

interface Row {
  readonly seq: number;
  revision: number;
  fresh: boolean;
  state: 'waiting' | 'known' | 'refused';
}

export class ModelStore {
  readonly #rows = new Map<string, Row>();
  readonly #dead = new Set<string>();
  #seq = 0;

  get held(): number {
    return this.#rows.size;
  }

  hasSeen(uid: string): boolean {
    return this.#rows.has(uid) || this.#dead.has(uid);
  }

  row(uid: string) {
    const row = this.#rows.get(uid);
    return row && { revision: row.revision, fresh: row.fresh, announced: row.state === 'known' };
  }

  /** UIDs that wait, oldest first. */
  line(): string[] {
    return [...this.#rows]
      .filter(([, { state }]) => state === 'waiting')
      .sort(([, a], [, b]) => a.seq - b.seq)
      .map(([uid]) => uid);
  }

  take(kind: StepKind, object: ManagedObject): void {
    const { uid } = object;
    const row = this.#rows.get(uid);
    switch (kind) {
      case 'insert':
        this.#rows.set(uid, { ...this.#told(object), seq: this.#seq++, state: 'waiting' });
        return;
      case 'apply':
        this.#apply(object);
        return;
      case 'destroy':
        this.#rows.delete(uid);
        this.#dead.add(uid);
        return;
      case 'serve':
        if (row === undefined || !row.fresh) return;
        row.fresh = false;
        if (row.state === 'known') row.state = 'waiting';
        return;
      case 'announced':
        this.#announced(object);
        return;
      case 'refused':
        if (row?.state === 'waiting') row.state = 'refused';
        return;
      case 'changed':
        this.#apply(object);
        this.#announced(object);
        return;
    }
  }

  #apply(object: ManagedObject): void {
    const { uid } = object;
    if (this.#dead.has(uid)) return;
    const row = this.#rows.get(uid);
    if (row === undefined) this.#rows.set(uid, { ...this.#told(object), seq: this.#seq++, state: 'known' });
    else if (row.revision >= object.revision) this.#announced(object);
    else {
      // That it has been served here, the core is still to hear.
      const isNews = isFresh(object) && !row.fresh;
      row.revision = object.revision;
      row.fresh = isFresh(object) && !isNews;
      row.state = isNews ? 'waiting' : 'known';
    }
  }

  #announced(known: ManagedObject): void {
    const row = this.#rows.get(known.uid);
    if (row?.state === 'waiting' && (row.fresh || !isFresh(known))) row.state = 'known';
  }

  #told(object: ManagedObject): Pick<Row, 'revision' | 'fresh'> {
    return { revision: object.revision, fresh: isFresh(object) };
  }
}
