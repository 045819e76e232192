"""JAX on the CPU: gymnax, XLand-MiniGrid and Navix, batched by vmap, a whole rollout in one compiled scan.

Random actions are drawn beforehand, ended envs begin anew inside the scan, and rewards are summed so that
nothing is optimised away.
"""
import jax
import jax.numpy as jnp


def gymnax(env_id, envs, steps_per_call=1 << 19):
    import gymnax as library

    env, params = library.make(env_id)
    steps = steps_per_call // envs
    reset_key, action_key, key = jax.random.split(jax.random.key(0), 3)
    sample = jax.vmap(jax.vmap(env.action_space(params).sample))
    actions = sample(jax.random.split(action_key, steps * envs).reshape(steps, envs))
    obs, state = jax.vmap(env.reset, in_axes=(0, None))(jax.random.split(reset_key, envs), params)
    step_all = jax.vmap(env.step, in_axes=(0, 0, 0, None))

    def step(carry, action):
        key, _, state = carry
        key, step_key = jax.random.split(key)
        obs, state, reward, *ends, _ = step_all(jax.random.split(step_key, envs), state, action, params)
        return (key, obs, state), reward.sum() + sum(end.sum() for end in ends)

    return chunk_of(step, (key, obs, state), actions, steps * envs)


def xland(env_id, envs, steps_per_call=1 << 16):
    import xminigrid
    from xminigrid.wrappers import GymAutoResetWrapper

    env, params = xminigrid.make(env_id)
    env = GymAutoResetWrapper(env)
    actions, steps = choices(env.num_actions(params), envs, steps_per_call)
    state = jax.vmap(env.reset, in_axes=(None, 0))(params, jax.random.split(jax.random.PRNGKey(0), envs))
    step_all = jax.vmap(env.step, in_axes=(None, 0, 0))

    def step(state, action):
        state = step_all(params, state, action)
        return state, state.reward.sum()

    return chunk_of(step, state, actions, steps)


def navix(env_id, envs, steps_per_call=1 << 16):
    import navix as library

    env = library.make(env_id, observation_fn=library.observations.symbolic_first_person)
    actions, steps = choices(env.action_space.n, envs, steps_per_call)
    state = jax.vmap(env.reset)(jax.random.split(jax.random.PRNGKey(0), envs))
    step_all = jax.vmap(env.step)

    def step(state, action):
        state = step_all(state, action)
        return state, state.reward.sum()

    return chunk_of(step, state, actions, steps)


def choices(count, envs, steps_per_call):
    steps = steps_per_call // envs
    return jax.random.randint(jax.random.PRNGKey(0), (steps, envs), 0, count), steps * envs


def chunk_of(step, carry, actions, steps):
    @jax.jit
    def rollout(carry, actions):
        carry, sums = jax.lax.scan(step, carry, actions)
        return carry, sums.sum()

    held = [carry]

    def chunk():
        held[0], total = jax.block_until_ready(rollout(held[0], actions))
        return steps

    return chunk
