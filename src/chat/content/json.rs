//! Blocks as JSON: what a newer Runnel wrote must not end an older reader. A block of an unknown name is a block like any
//! other.

use std::fmt;

use serde::de::{IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{ContentBlock, UnknownBlock};

impl Serialize for UnknownBlock {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match &self.content {
            Some(content) => serializer.collect_map([(&self.name, content)]),
            None => serializer.serialize_str(&self.name),
        }
    }
}

impl<'de> Deserialize<'de> for ContentBlock {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(BlockVisitor)
    }
}

struct BlockVisitor;

impl<'de> Visitor<'de> for BlockVisitor {
    type Value = ContentBlock;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a block: its name, or an object with its name as the one key")
    }

    fn visit_str<E>(self, name: &str) -> Result<ContentBlock, E> {
        Ok(match name {
            "continuation" => ContentBlock::Continuation,
            _ => ContentBlock::Unknown(UnknownBlock { name: name.to_owned(), content: None }),
        })
    }

    fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<ContentBlock, M::Error> {
        let name = map.next_key::<String>()?.unwrap_or_default();
        let block = match name.as_str() {
            "text" => ContentBlock::Text(map.next_value()?),
            "reasoning" => ContentBlock::Reasoning(map.next_value()?),
            "refusal" => ContentBlock::Refusal(map.next_value()?),
            "image" => ContentBlock::Image(map.next_value()?),
            "file" => ContentBlock::File(map.next_value()?),
            "tool_call" => ContentBlock::ToolCall(map.next_value()?),
            "tool_result" => ContentBlock::ToolResult(map.next_value()?),
            "citations" => ContentBlock::Citations(map.next_value()?),
            "file_annotation" => ContentBlock::FileAnnotation(map.next_value()?),
            "" => ContentBlock::Unknown(UnknownBlock { name, content: None }),
            _ => {
                let content = Some(map.next_value()?);
                ContentBlock::Unknown(UnknownBlock { name, content })
            }
        };
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(block)
    }
}
