// A React component whose text grows.

import { type ComponentType, createElement, useEffect, useState } from 'react';
import { createRoot } from 'react-dom/client';
import { answerElement, offer } from './stream.ts';

/** Shows `component` with the text so far as its children, and with what `settings` gives. */
export function mount<Settings extends { children?: string | null | undefined }>(
  component: ComponentType<Settings>,
  settings: (isGrowing: boolean) => Omit<Settings, 'children'>,
): void {
  createRoot(answerElement()).render(createElement(() => {
    const [text, setText] = useState('');
    const [isGrowing, setGrowing] = useState(true);
    useEffect(() => {
      offer(
        (piece) => setText((text) => text + piece),
        () => setGrowing(false),
      );
    }, []);
    return createElement(component, { ...settings(isGrowing), children: text } as Settings);
  }));
}
