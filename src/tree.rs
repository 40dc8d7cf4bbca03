//! Who follows whom in a conversation, and which branch of it is shown.
//!
//! A question follows an answer, or begins the conversation; an answer belongs to a question. Questions that
//! follow the same answer are versions of one another, and so are answers to one question. A branch is named by
//! its last answer, the leaf.

use crate::chat::{AnswerId, QuestionId};

/// The ids of a conversation, in the order in which they were begun.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tree {
    /// Each question with the answer that it follows.
    pub questions: Vec<(QuestionId, Option<AnswerId>)>,
    /// Each answer with its question.
    pub answers: Vec<(AnswerId, QuestionId)>,
}

/// A question of a branch, and the one of its answers that the branch goes through.
pub type Turn = (QuestionId, AnswerId);

impl Tree {
    /// The branch that ends at `leaf`, or at the newest answer if there is no such leaf; oldest turn first.
    #[must_use]
    pub fn branch(&self, leaf: Option<AnswerId>) -> Vec<Turn> {
        let leaf = leaf.filter(|leaf| self.question_of(*leaf).is_some());
        let mut next = leaf.or_else(|| self.answers.last().map(|(answer, _)| *answer));
        let (mut near_answer, mut near_question) = (self.answers.len(), self.questions.len());
        let mut branch = Vec::new();
        // A tree that was damaged into a circle must not hold anybody up.
        while let Some(answer) = next.filter(|_| branch.len() <= self.answers.len()) {
            let Some(at) = find_near(&self.answers, near_answer, |(id, _)| *id == answer) else { break };
            let question = self.answers[at].1;
            branch.push((question, answer));
            near_answer = at;
            let of_question = find_near(&self.questions, near_question, |(id, _)| *id == question);
            near_question = of_question.unwrap_or(near_question);
            next = of_question.and_then(|at| self.questions[at].1);
        }
        branch.reverse();
        branch
    }

    /// The newest leaf behind `answer`; the answer itself if nothing follows it.
    #[must_use]
    pub fn latest_descendant(&self, answer: AnswerId) -> AnswerId {
        let mut leaf = answer;
        for _ in &self.answers {
            match self.followers(leaf).filter_map(|question| self.answers_to(question).last()).last() {
                Some(next) => leaf = next,
                None => break,
            }
        }
        leaf
    }

    /// The answers to `question`, oldest first.
    pub fn answers_to(&self, question: QuestionId) -> impl Iterator<Item = AnswerId> {
        self.answers.iter().filter(move |(_, of)| *of == question).map(|(answer, _)| *answer)
    }

    /// The versions of `question`, itself among them, oldest first.
    pub fn versions_of(&self, question: QuestionId) -> impl Iterator<Item = QuestionId> {
        let after = self.before(question);
        self.questions.iter().filter(move |(_, before)| *before == after).map(|(question, _)| *question)
    }

    /// The answer that `question` follows.
    #[must_use]
    pub fn before(&self, question: QuestionId) -> Option<AnswerId> {
        self.questions.iter().rev().find(|(id, _)| *id == question).and_then(|(_, after)| *after)
    }

    /// The question that `answer` belongs to.
    #[must_use]
    pub fn question_of(&self, answer: AnswerId) -> Option<QuestionId> {
        self.answers.iter().rev().find(|(id, _)| *id == answer).map(|(_, question)| *question)
    }

    fn followers(&self, answer: AnswerId) -> impl Iterator<Item = QuestionId> {
        self.questions.iter().filter(move |(_, after)| *after == Some(answer)).map(|(question, _)| *question)
    }
}

/// The index of an item that matches: it is searched for from `near` backwards, then from `near` forwards. Along a branch
/// each item is near the one before it, so that the steps grow with the number of turns and not with its square.
#[must_use]
pub fn find_near<T>(items: &[T], near: usize, is: impl Fn(&T) -> bool) -> Option<usize> {
    let (before, after) = items.split_at(items.len().min(near + 1));
    before.iter().rposition(&is).or_else(|| Some(before.len() + after.iter().position(is)?))
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    const fn question(number: u128) -> QuestionId {
        QuestionId(Uuid::from_u128(number))
    }

    const fn answer(number: u128) -> AnswerId {
        AnswerId(Uuid::from_u128(number))
    }

    /// Question 1 has the answers 11 and 12; 2 follows 11; 3 and its other wording 4 follow 12.
    fn tree() -> Tree {
        Tree {
            questions: vec![
                (question(1), None),
                (question(2), Some(answer(11))),
                (question(3), Some(answer(12))),
                (question(4), Some(answer(12))),
            ],
            answers: vec![
                (answer(11), question(1)),
                (answer(21), question(2)),
                (answer(12), question(1)),
                (answer(31), question(3)),
                (answer(41), question(4)),
            ],
        }
    }

    #[test]
    fn a_branch_leads_from_the_first_question_to_its_leaf() {
        let newest = [(question(1), answer(12)), (question(4), answer(41))];
        assert_eq!(tree().branch(None), newest);
        assert_eq!(tree().branch(Some(answer(99))), newest);
        assert_eq!(tree().branch(Some(answer(21))), [(question(1), answer(11)), (question(2), answer(21))]);
        assert_eq!(tree().branch(Some(answer(12))), [(question(1), answer(12))]);
        assert_eq!(Tree::default().branch(None), []);
    }

    #[test]
    fn another_version_leads_to_the_newest_of_what_follows_it() {
        assert_eq!(tree().latest_descendant(answer(11)), answer(21));
        assert_eq!(tree().latest_descendant(answer(12)), answer(41));
        assert_eq!(tree().latest_descendant(answer(31)), answer(31));
    }

    #[test]
    fn versions_are_what_stands_in_the_same_place() {
        assert_eq!(tree().versions_of(question(3)).collect::<Vec<_>>(), [question(3), question(4)]);
        assert_eq!(tree().versions_of(question(1)).collect::<Vec<_>>(), [question(1)]);
        assert_eq!(tree().answers_to(question(1)).collect::<Vec<_>>(), [answer(11), answer(12)]);
    }

    #[test]
    fn a_long_branch_takes_few_steps() {
        let turns = 5_000;
        let questions = (0..turns).map(|at| (question(at), (at > 0).then(|| answer(at - 1)))).collect();
        let tree = Tree { questions, answers: (0..turns).map(|at| (answer(at), question(at))).collect() };
        let steps = std::cell::Cell::new(0);
        let mut near = tree.answers.len();
        for (_, sought) in tree.branch(None).into_iter().rev() {
            let is = |(id, _): &(AnswerId, QuestionId)| {
                steps.set(steps.get() + 1);
                *id == sought
            };
            near = find_near(&tree.answers, near, is).unwrap();
        }
        assert_eq!(near, 0);
        assert!(steps.get() <= 2 * turns, "{} steps for {turns} turns", steps.get());
    }

    #[test]
    fn what_is_near_is_found_wherever_it_is() {
        let items = [5, 6, 7, 6];
        for (near, sought, found) in [
            (0, 5, Some(0)),
            (0, 6, Some(1)),
            (2, 6, Some(1)),
            (9, 6, Some(3)),
            (3, 7, Some(2)),
            (1, 8, None),
        ] {
            assert_eq!(find_near(&items, near, |item| *item == sought), found, "{sought} near {near}");
        }
        assert_eq!(find_near(&[0; 0], 0, |_| true), None);
    }

    #[test]
    fn a_circle_ends() {
        let circle = Tree {
            questions: vec![(question(1), Some(answer(11)))],
            answers: vec![(answer(11), question(1))],
        };
        assert!(circle.branch(None).len() <= 2);
        assert_eq!(circle.latest_descendant(answer(11)), answer(11));
    }
}
