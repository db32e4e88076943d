import { Component, type ReactNode } from 'react';
import { Button } from '../design/button.tsx';
import { Notice } from '../design/states.tsx';

interface State {
  readonly error: Error | undefined;
}

/** An error of the page itself: the rest of the portal stays usable. A page of an older build asks to be loaded anew. */
export class Stumble extends Component<{ readonly children: ReactNode }, State> {
  override state: State = { error: undefined };

  static getDerivedStateFromError(error: unknown): State {
    return { error: error instanceof Error ? error : new Error(String(error)) };
  }

  override render(): ReactNode {
    const { error } = this.state;
    if (error === undefined) return this.props.children;
    return (
      <Notice tone="bad">
        <p role="alert">This page could not be shown: {error.message}</p>
        <Button onPress={() => location.reload()}>Load it anew</Button>
      </Notice>
    );
  }
}
