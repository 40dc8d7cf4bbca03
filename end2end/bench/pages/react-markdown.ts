// react-markdown with GitHub's tables, task lists and strikethrough: each piece sets the state to a longer text.

import Markdown from 'react-markdown';
import remarkGfm from 'remark-gfm';
import { mount } from './growing.ts';

// Made once: a new list with every text would be a new setting with every text.
const PLUGINS = [remarkGfm];

mount(Markdown, () => ({ remarkPlugins: PLUGINS }));
