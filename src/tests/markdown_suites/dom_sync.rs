//! A page in small: a tree that knows of a document nothing but its changes.

use runnel::markdown::change::Change;
use runnel::markdown::node::Node;

/// What the page shows.
#[derive(Debug, Default)]
pub struct Mirror {
    nodes: Vec<Node>,
}

impl Mirror {
    pub fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    pub fn apply(&mut self, change: Change) -> Result<(), String> {
        match change {
            Change::Append { parent, nodes } => children(&mut self.nodes, &parent)?.extend(nodes),
            Change::Extend { at, more } => match node(&mut self.nodes, &at)? {
                Node::Text(text) => text.push_str(&more),
                Node::Element(element) => return Err(format!("{:?} at {at:?} is extended", element.tag)),
            },
            Change::Replace { at, node: new } => *node(&mut self.nodes, &at)? = new,
            Change::RemoveLast { parent, count } => {
                let children = children(&mut self.nodes, &parent)?;
                let left = children.len().checked_sub(count);
                children.truncate(left.ok_or_else(|| format!("{count} taken from {}", children.len()))?);
            }
        }
        Ok(())
    }
}

/// A path counts, from the root down, the siblings that follow.
fn node<'a>(root: &'a mut Vec<Node>, path: &[usize]) -> Result<&'a mut Node, String> {
    let (last, parents) = path.split_last().ok_or("the root is no node")?;
    let siblings = children(root, parents)?;
    let from_the_front = siblings.len().checked_sub(last + 1);
    let index = from_the_front.ok_or_else(|| format!("nothing at {path:?}"))?;
    Ok(&mut siblings[index])
}

fn children<'a>(root: &'a mut Vec<Node>, path: &[usize]) -> Result<&'a mut Vec<Node>, String> {
    if path.is_empty() {
        return Ok(root);
    }
    match node(root, path)? {
        Node::Element(element) => Ok(&mut element.children),
        Node::Text(text) => Err(format!("the text {text:?} at {path:?} holds nothing")),
    }
}
