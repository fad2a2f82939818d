//! Tools of the call: what the model is offered, what it asked for, what came of it.

use protocol::{Config, Input, ItemId};

use super::{Call, session_config};
use crate::board::Board;
use crate::config::Settings;
use crate::tool::{self, ToolCall};

impl Call {
    /// The session's part of the settings, with the tools that are at hand.
    pub(super) fn session_config(&self, settings: &Settings) -> Config {
        Config { tools: tool::offered(settings, self.has_fal_key), ..session_config(settings) }
    }

    /// A fal key is at hand, or is not any more.
    pub(crate) fn set_fal_key(&mut self, has_fal_key: bool, board: &mut Board) {
        if std::mem::replace(&mut self.has_fal_key, has_fal_key) == has_fal_key {
            return;
        }
        self.take_over_now(board);
        let config = self.session_config(board.settings());
        self.input(Input::Configure(&config), board);
        self.settle(board);
    }

    /// The tools that the model asked for since the last time.
    pub(crate) fn take_tool_calls(&mut self) -> Vec<ToolCall> {
        std::mem::take(&mut self.tool_calls)
    }

    /// What came of a tool.
    pub(crate) fn tool_result(&mut self, item: ItemId, output: &str, board: &mut Board) {
        self.input(Input::ToolResult { item, output }, board);
        self.settle(board);
    }
}
