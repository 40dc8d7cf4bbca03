//! What was said in a chat, and how what the server tells of it is taken in.

use super::live_answer::LiveAnswer;
use crate::chat::{AnswerId, Conversation, Question};

/// What was said, as a tree.
#[derive(Clone, Debug, Default)]
pub struct Messages {
    pub questions: Vec<Question>,
    pub answers: Vec<LiveAnswer>,
    /// The end of the branch that is shown.
    pub leaf: Option<AnswerId>,
    /// The end of the branch that the server named last.
    heard_leaf: Option<AnswerId>,
    /// Whether a person chose the version that is shown here, and asked nothing since.
    pub is_chosen: bool,
    /// How often a version was chosen here, and how many of these choices the server has heard of.
    pub choices: u64,
    pub told_choices: u64,
}

/// How a chat stood when the server was asked for it.
#[derive(Debug)]
pub struct ChatState {
    /// What the server knew already.
    pub answers: Vec<AnswerId>,
    pub choices: Option<u64>,
}

impl Messages {
    /// How often a version was chosen here; `None` while the server has not heard of all of them.
    pub fn settled_choices(&self) -> Option<u64> {
        (self.choices == self.told_choices).then_some(self.choices)
    }

    /// Drops what the server had and has no longer, such as after an older database was put in place. True if
    /// something was dropped.
    pub fn drop_lost(&mut self, before: &ChatState, conversation: &Conversation) -> bool {
        let count = self.answers.len();
        let is_kept =
            |id| !before.answers.contains(&id) || conversation.answers.iter().any(|kept| kept.id == id);
        self.answers.retain(|live| is_kept(live.id));
        let is_changed = self.answers.len() < count;
        if is_changed {
            let answers = &self.answers;
            self.questions.retain(|question| {
                conversation.questions.iter().any(|kept| kept.id == question.id)
                    || answers.iter().any(|live| live.question == question.id)
            });
        }
        is_changed
    }

    /// Goes to the branch that the server names, if somebody chose it since this page heard of it; true if that is
    /// another one. What this page knows better stays: a question that is on its way, an answer to one of its own that
    /// is being written, and a version that was chosen here, unless the new branch goes on from there.
    pub fn follow_leaf(&mut self, conversation: &Conversation, is_settled: bool) -> bool {
        let is_chosen_elsewhere = conversation.leaf != self.heard_leaf;
        self.heard_leaf = conversation.leaf;
        let shown = self.answers.iter().find(|live| Some(live.id) == self.leaf).copied();
        let stays = shown.is_some_and(|shown| {
            let is_known = conversation.answers.iter().any(|answer| answer.id == shown.id);
            let goes_on =
                || conversation.tree().branch(conversation.leaf).iter().any(|(_, id)| *id == shown.id);
            !is_chosen_elsewhere
                || !is_settled
                || !is_known
                || shown.is_own_running()
                || self.is_chosen && !goes_on()
        });
        if stays || self.leaf == conversation.leaf {
            return false;
        }
        self.leaf = conversation.leaf;
        true
    }
}
