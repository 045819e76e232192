//! A fitted network as a reward.

use carrot_reward::RewardModel;

use crate::SuccessNet;

impl RewardModel for SuccessNet {
    fn version(&self) -> u32 {
        SuccessNet::version(self)
    }

    fn inputs(&self) -> &[String] {
        SuccessNet::inputs(self)
    }

    fn score(&mut self, features: &[f32], out: &mut [f32]) -> Result<(), String> {
        let expected = features.len() / self.inputs().len().max(1);
        if out.len() != expected {
            return Err(format!("{} scores asked for, the features hold {expected} rows", out.len()));
        }
        SuccessNet::score(self, features, out);
        Ok(())
    }
}
